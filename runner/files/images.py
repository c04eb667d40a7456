"""The image that a row names, as something a provider can see: a URL, or the image itself in one.

It knows files, ``data:`` URLs and how large an image may be; it never asks the network, and what
is shown to whom is not its business.
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

# Of a file that is to be made smaller: a photograph is well below it, a film is not.
MOST_READ_BYTES = 64_000_000
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SHOWN = 40  # characters of a ``data:`` URL, in a message


@dataclass(frozen=True, slots=True)
class Fit:
    """How large an image may be that is sent along.

    Attributes:
        max_bytes: Bytes of the image, before base64 makes them a third more; a larger one is
            refused.
        longest_side: Pixels; an image with a longer side is made smaller. None: it is not.
    """

    max_bytes: int
    longest_side: int | None = None


async def inline(text: str, folder: Path, fit: Fit) -> str:
    """What `inlined` returns, without holding up the event loop."""
    if is_remote(text):
        return text.strip()
    return await in_thread(inlined, text, folder, fit)


def inlined(text: str, folder: Path, fit: Fit) -> str:
    """The image that `text` names, as a URL: the provider's to fetch, or with the image in it.

    Args:
        text: An http or https URL, which stays as it is; a ``data:`` URL; a ``file:`` URL or the
            path of a file.
        folder: Where relative paths start.
        fit: How large it may be. Where images are made smaller, they are turned upright as well,
            as their EXIF says; else a file is sent as it is.

    Raises:
        InputError: There is no such image, or it is too large; `where` names it.
        ConfigError: It would have to be made smaller, and Pillow is not installed.
    """
    text = text.strip()
    if is_remote(text):
        return text
    if magic.is_data_url(text):
        where = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        data = _unpacked(text, where)
    else:
        path = _path(text, folder)
        where = str(path)
        data = _read(path, fit, folder)
    return _packed(data, where, fit)


def describe(text: str, folder: Path) -> str:
    """What tells the image that `text` names from another, at the cost of a look at its folder.

    A local file's path, size and time of change; else the text itself, also where it names
    nothing. Never raises.
    """
    text = text.strip()
    if is_remote(text) or magic.is_data_url(text):
        return text
    try:
        path = _path(text, folder)
        found = path.stat()
    except (InputError, OSError, ValueError):
        return text
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def is_missing(text: str, folder: Path) -> bool:
    """Whether `text` names a local file that is not there; it is not opened. Never raises."""
    text = text.strip()
    if is_remote(text) or magic.is_data_url(text):
        return False
    try:
        return not _path(text, folder).is_file()
    except (InputError, OSError, ValueError):
        return True


def is_remote(text: str) -> bool:
    """Whether `text` is a URL that the provider can fetch."""
    scheme = _SCHEME.match(text.strip())
    return scheme is not None and scheme[1].lower() in {"http", "https"}


def _path(text: str, folder: Path) -> Path:
    scheme = _SCHEME.match(text)
    if text[:5].lower() == "file:":
        text = _of_file_url(text)
    elif scheme:
        what = f"an image cannot be read from {scheme[1]}://"
        raise InputError(what, where=text, remedy="name an http URL, a data: URL or a file")
    if not text:
        raise InputError("no image is named", remedy="fill the column with a path or a URL")
    return Path(os.path.abspath(folder / text))  # noqa: PTH100 - resolve() would ask the disk


def _of_file_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        path = url2pathname(parts.path)
    except (ValueError, OSError) as error:
        raise InputError("this is no file: URL", where=url, remedy="name the path") from error
    if parts.netloc not in {"", "localhost"}:
        what = "this file: URL names another machine"
        raise InputError(what, where=url, remedy="copy the image here, and name its path")
    return path


def _read(path: Path, fit: Fit, folder: Path) -> bytes:
    limit = fit.max_bytes if fit.longest_side is None else max(fit.max_bytes, MOST_READ_BYTES)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError("this is no file", where=str(path), remedy="name an image file")
        if found.st_size > limit:
            raise _too_large(found.st_size, limit, str(path), fit)
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


def _unpacked(url: str, where: str) -> bytes:
    data = magic.from_data_url(url)
    if data is None:
        remedy = "write data:image/png;base64,… with whole base64"
        raise InputError("this data: URL is broken", where=where, remedy=remedy)
    return data


def _packed(data: bytes, where: str, fit: Fit) -> str:
    media_type = magic.image_type(data)
    if media_type is None:
        what = f"this is no {magic.KNOWN} image"
        raise InputError(what, where=where, remedy="convert it, whatever its name says")
    if fit.longest_side is not None:
        # Loaded here: Pillow is an extra, and only images that are made smaller need it.
        from runner.files.shrinking import shrunk  # noqa: PLC0415

        data, media_type = shrunk(data, media_type, where, fit.longest_side)
    if len(data) > fit.max_bytes:
        raise _too_large(len(data), fit.max_bytes, where, fit)
    return magic.to_data_url(data, media_type)


def _too_large(size: int, limit: int, where: str, fit: Fit) -> InputError:
    what = f"the image has {size:,} bytes, and at most {limit:,} are allowed"
    smaller = "have images made smaller, or allow more"
    remedy = smaller if fit.longest_side is None else "allow fewer pixels"
    return InputError(what, where=where, remedy=remedy)
