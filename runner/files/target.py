"""Checks whether a result file can be written, and writes files atomically."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from runner.errors import OutputError
from runner.files.formats import (
    Extra,
    FileType,
    file_type_of,
    is_writable,
    missing_extra,
    unknown_suffix,
    writable_suffixes,
)
from runner.language import _

EXCEL_ROWS = 1_048_576
"""The most rows of a sheet, the header included."""

_BUFFER = 1 << 20
_MAX_STEM = 50  # characters of up to 4 bytes, so that the name stays under 255 bytes
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def check_output(path: Path, *, rows: int = 0, vectors: bool | None = None) -> None:
    """Checks, before any call is spent, whether `open_output` could write `path`.

    Args:
        path: The result file.
        rows: The number of rows, if it is known.
        vectors: Whether the answers will be embeddings, if that is known.

    Raises:
        OutputError: The suffix is unknown; the folder or the file cannot be written; or the format
            cannot hold that many rows, or needs a library that is not installed.
    """
    file_type = output_type(path)
    _check_extras(path, file_type)
    if file_type.format == "npy" and vectors is False:
        what = _("a .npy file holds embeddings, and the answers are not embeddings")
        raise OutputError(
            what, where=str(path), remedy=_("use one of {known}").format(known=writable_suffixes())
        )
    if file_type.format == "xlsx" and rows >= EXCEL_ROWS:
        what = _("a sheet holds {most:,} rows with its header, and there are {rows:,}").format(
            most=EXCEL_ROWS, rows=rows
        )
        raise OutputError(what, where=str(path), remedy=_("name a .parquet, .csv or .jsonl file"))
    with as_output_errors(path):
        target = real_target(path)
        if target.is_dir():
            raise OutputError(_("this is a folder"), where=str(path), remedy=_("name a file in it"))
        if target.exists():
            _check_file(path, target)
        _check_folder(path, target.parent)


def output_type(path: Path) -> FileType:
    """Returns the type of a result file, from its suffixes.

    Raises:
        OutputError: The suffix is not supported.
    """
    if path.suffix.lower() == ".npy":
        return FileType("npy")
    if (file_type := file_type_of(path)) and is_writable(path):
        named = path.with_suffix("") if file_type.compression else path
        in_list = named.suffix.lower() == ".json"
        return replace(file_type, format="json") if in_list else file_type
    what = (
        _('no results are written as "{suffix}"').format(suffix=path.suffix)
        if file_type
        else unknown_suffix(path)
    )
    raise OutputError(
        what, where=str(path), remedy=_("use one of {known}").format(known=writable_suffixes())
    )


def _check_extras(path: Path, file_type: FileType) -> None:
    """Checks that the libraries for the file are installed, without importing them.

    Raises:
        OutputError: A library is not installed.
    """
    packages: dict[str | None, tuple[Extra, str]] = {
        "parquet": ("parquet", "pyarrow"),
        "xlsx": ("excel", "openpyxl"),
        "zst": ("zstd", "zstandard"),
    }
    for name in (file_type.format, file_type.compression):
        if name in packages and find_spec(packages[name][1]) is None:
            raise missing_extra(packages[name][0], path, OutputError)


def real_target(path: Path) -> Path:
    """Resolves symbolic links, so that writing replaces the file and not the link."""
    return Path(os.path.realpath(path))


@contextmanager
def as_output_errors(path: Path) -> Iterator[None]:
    """Converts an `OSError` or `ValueError` in the block to an `OutputError` about `path`."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL character
        raise unwritable_error(path, error) from error


def _check_file(path: Path, target: Path) -> None:
    if not target.is_file():
        what = _("this is not a regular file")
        raise OutputError(what, where=str(path), remedy=_("name another file"))
    if not os.access(target, os.W_OK):
        what = _("the file is read-only")
        raise OutputError(what, where=str(path), remedy=_("name another file"))


def _check_folder(path: Path, folder: Path) -> None:
    if not folder.is_dir():
        what = _("there is no folder {folder}").format(folder=folder)
        raise OutputError(what, where=str(path), remedy=_("create it, or name another file"))
    if not os.access(folder, os.W_OK | os.X_OK):
        what = _("the folder {folder} cannot be written").format(folder=folder)
        raise OutputError(what, where=str(path), remedy=_("name a file in another folder"))
    # Permissions are not sufficient: some folders accept no new files whatever they say.
    with tempfile.TemporaryFile(dir=folder):
        pass


def unwritable_error(path: Path, error: OSError | ValueError) -> OutputError:
    """Returns the error for a file that the operating system refuses to write."""
    code = getattr(error, "errno", None)
    if code in _FULL:
        what, remedy = (
            _("there is no room left for the file"),
            _("free some space and export again"),
        )
    elif code in _FORBIDDEN:
        what, remedy = _("the folder cannot be written"), _("name a file in another folder")
    else:
        reason = getattr(error, "strerror", None) or str(error)
        what, remedy = (
            _("the file cannot be written ({reason})").format(reason=reason),
            _("name another file"),
        )
    return OutputError(what, where=str(path), remedy=remedy)


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for the block to write; it appears at `path` only when the block succeeds.

    The file is written beside `path` and renamed. A file at `path` is replaced, and its permissions
    are kept.

    Raises:
        OutputError: The file cannot be written; a file at `path` is left unchanged.
    """
    target = real_target(path)
    part = target.with_name(f".{target.name[:_MAX_STEM]}.{secrets.token_hex(4)}.part")
    with as_output_errors(path):
        file = part.open("x+b", buffering=_BUFFER)
    try:
        yield file
        with as_output_errors(path):
            _put_in_place(file, part, target)
    finally:
        with suppress(OSError):  # close() flushes the buffer, which may fail again
            file.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _put_in_place(file: BinaryIO, part: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    with suppress(FileNotFoundError):
        part.chmod(stat.S_IMODE(target.stat().st_mode))
    part.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Makes a rename in the folder durable, if the system can sync folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
