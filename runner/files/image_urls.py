"""Converts the image that a row names to a URL for the provider: a remote or a ``data:`` URL.

Nothing is downloaded; the provider fetches remote images.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from runner import magic
from runner.errors import InputError
from runner.threads import in_thread

# The size limit of a file that will be resized: above any photograph, below most videos.
MAX_READ_BYTES = 64_000_000
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SHOWN = 40  # characters of a ``data:`` URL, in a message


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The limits of an image that is sent.

    Attributes:
        max_bytes: The most bytes of the image, before base64 adds a third to them.
        longest_side: The most pixels of a side; a larger image is resized. None means no limit.
        inside_folder: Whether a file must be in the folder in which relative paths start.
    """

    max_bytes: int
    longest_side: int | None = None
    inside_folder: bool = False


async def image_url(text: str, folder: Path, limits: ImageLimits) -> str:
    """Does the same as `read_image_url`, without blocking the event loop."""
    if is_remote(text):
        return text.strip()
    return await in_thread(read_image_url, text, folder, limits)


def read_image_url(text: str, folder: Path, limits: ImageLimits) -> str:
    """Returns the image that `text` names as a URL.

    Args:
        text: An http or https URL, which is returned unchanged; or a ``data:`` URL, a ``file:``
            URL or a path.
        folder: The folder in which relative paths start.
        limits: The size limits. With a `longest_side`, images are also turned upright according to
            their EXIF data; without it, a file is sent unchanged.

    Raises:
        InputError: The image does not exist or is too large; `where` names it.
        ConfigError: The image must be resized, and Pillow is not installed.
    """
    text = text.strip()
    if is_remote(text):
        return text
    if magic.is_data_url(text):
        where = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        data = _decoded(text, where)
    else:
        path = _path(text, folder)
        where = str(path)
        if limits.inside_folder and not _is_inside(path, folder):
            remedy = "hand the image in together with the dataset"
            raise InputError("this image is elsewhere on this machine", where=where, remedy=remedy)
        data = _read(path, limits, folder)
    return _data_url(data, where, limits)


def image_identity(text: str, folder: Path) -> str:
    """Returns a text that differs between different images, without reading the image.

    For a local file it is the path, size and modification time; otherwise it is `text` itself.
    Never raises.
    """
    text = text.strip()
    if is_remote(text) or magic.is_data_url(text):
        return text
    try:
        path = _path(text, folder)
        status = path.stat()
    except (InputError, OSError, ValueError):
        return text
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def is_missing(text: str, folder: Path, *, inside_folder: bool = False) -> bool:
    """Whether `text` names a local file that does not exist or must not be read; never raises.

    Args:
        text: A URL or path, as in `read_image_url`.
        folder: The folder in which relative paths start.
        inside_folder: Whether a file outside of `folder` counts as missing.
    """
    text = text.strip()
    if is_remote(text) or magic.is_data_url(text):
        return False
    try:
        path = _path(text, folder)
        return not path.is_file() or (inside_folder and not _is_inside(path, folder))
    except (InputError, OSError, ValueError):
        return True


def is_remote(text: str) -> bool:
    """Whether `text` is a URL that the provider can fetch."""
    scheme = _SCHEME.match(text.strip())
    return scheme is not None and scheme[1].lower() in {"http", "https"}


def _path(text: str, folder: Path) -> Path:
    scheme = _SCHEME.match(text)
    if text[:5].lower() == "file:":
        text = _path_of_file_url(text)
    elif scheme:
        what = f"an image cannot be read from {scheme[1]}://"
        raise InputError(what, where=text, remedy="name an http URL, a data: URL or a file")
    if not text:
        raise InputError("no image is named", remedy="put a path or a URL into the column")
    return Path(os.path.abspath(folder / text))  # noqa: PTH100 - resolve() would read the disk


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _path_of_file_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        path = url2pathname(parts.path)
    except (ValueError, OSError) as error:
        raise InputError("this is not a file: URL", where=url, remedy="name the path") from error
    if parts.netloc not in {"", "localhost"}:
        what = "this file: URL names another machine"
        raise InputError(what, where=url, remedy="copy the image here, and name its path")
    return path


def _read(path: Path, limits: ImageLimits, folder: Path) -> bytes:
    limit = (
        limits.max_bytes if limits.longest_side is None else max(limits.max_bytes, MAX_READ_BYTES)
    )
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("this is not a file", where=str(path), remedy="name an image file")
        if status.st_size > limit:
            raise _too_large(status.st_size, limit, str(path), limits)
        with path.open("rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError as error:
        remedy = f"check the path; relative ones start from {folder}"
        raise InputError("no such image file", where=str(path), remedy=remedy) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        what = f"the image cannot be read ({reason})"
        remedy = "check the path and its permissions"
        raise InputError(what, where=str(path), remedy=remedy) from error


def _decoded(url: str, where: str) -> bytes:
    data = magic.from_data_url(url)
    if data is None:
        remedy = "write data:image/png;base64,… with valid base64"
        raise InputError("this data: URL is invalid", where=where, remedy=remedy)
    return data


def _data_url(data: bytes, where: str, limits: ImageLimits) -> str:
    media_type = magic.image_type(data)
    if media_type is None:
        what = f"this is not a {magic.KNOWN} image"
        raise InputError(what, where=where, remedy="convert it, whatever its name says")
    if limits.longest_side is not None:
        # Imported here: Pillow is an extra, and only resizing needs it.
        from runner.files.image_resize import resized

        data, media_type = resized(data, media_type, where, limits.longest_side)
    if len(data) > limits.max_bytes:
        raise _too_large(len(data), limits.max_bytes, where, limits)
    return magic.to_data_url(data, media_type)


def _too_large(size: int, limit: int, where: str, limits: ImageLimits) -> InputError:
    what = f"the image has {size:,} bytes, and at most {limit:,} are allowed"
    resize = "set [images] longest_side, so that images are resized, or raise [images] max_bytes"
    remedy = resize if limits.longest_side is None else "lower [images] longest_side"
    return InputError(what, where=where, remedy=remedy)
