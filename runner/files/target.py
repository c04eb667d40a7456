"""Whether a result file can be written where it is wanted, and what to say when it cannot.

It writes nothing, and knows nothing of what is to be written.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from runner.errors import OutputError
from runner.files.extras import Extra, missing
from runner.files.formats import SUPPORTED, Kind, kind_of, unknown_suffix

EXCEL_ROWS = 1_048_576
"""The rows of a sheet, that of the header among them."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def check_output(path: Path, *, rows: int = 0, vectors: bool | None = None) -> None:
    """Find out, before anything is spent, whether `open_output` could write `path`.

    Args:
        path: Where the results are to be.
        rows: How many there will be, if that is known.
        vectors: Whether the answers will be embeddings, if that is known.

    Raises:
        OutputError: the suffix is unknown, the folder or the file cannot be written, the format
            cannot hold so many rows, or needs a library that is not installed.
    """
    kind = output_kind(path)
    _check_extras(path, kind)
    if kind.format == "npy" and vectors is False:
        what = "a .npy file holds embeddings, and the answers are none"
        raise OutputError(what, where=str(path), remedy=f"use one of {SUPPORTED}")
    if kind.format == "xlsx" and rows >= EXCEL_ROWS:
        what = f"a sheet holds {EXCEL_ROWS:,} rows with its header, and there are {rows:,}"
        raise OutputError(what, where=str(path), remedy="name a .parquet, .csv or .jsonl file")
    with translated(path):
        target = real_target(path)
        if target.is_dir():
            raise OutputError("this is a folder", where=str(path), remedy="name a file in it")
        if target.exists():
            _check_file(path, target)
        _check_folder(path, target.parent)


def output_kind(path: Path) -> Kind:
    """Return what a result file is to be, by its suffixes.

    Raises:
        OutputError: the suffix is not one of those supported.
    """
    if path.suffix.lower() == ".npy":
        return Kind("npy")
    if kind := kind_of(path):
        return kind
    raise OutputError(unknown_suffix(path), where=str(path), remedy=f"use one of {SUPPORTED}")


def _check_extras(path: Path, kind: Kind) -> None:
    """Refuse a file whose library is not installed; nothing is loaded.

    Raises:
        OutputError: it is not.
    """
    names: dict[str | None, tuple[Extra, str]] = {
        "parquet": ("parquet", "pyarrow"),
        "xlsx": ("excel", "openpyxl"),
        "zst": ("zstd", "zstandard"),
    }
    for part in (kind.format, kind.packing):
        if part in names and find_spec(names[part][1]) is None:
            raise missing(names[part][0], path, OutputError)


def real_target(path: Path) -> Path:
    """Return the file that `path` stands for, so that a link stays and its target is replaced."""
    return Path(os.path.realpath(path))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the system's refusals into an `OutputError` about `path`."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a name that holds a NUL character
        raise _unwritable(path, error) from error


def _check_file(path: Path, target: Path) -> None:
    if not target.is_file():
        what = "this is not a regular file"
        raise OutputError(what, where=str(path), remedy="name another file")
    if not os.access(target, os.W_OK):
        what = "the file is read-only"
        raise OutputError(what, where=str(path), remedy="name another file")


def _check_folder(path: Path, folder: Path) -> None:
    if not folder.is_dir():
        what = f"there is no folder {folder}"
        raise OutputError(what, where=str(path), remedy="create it, or name another file")
    if not os.access(folder, os.W_OK | os.X_OK):
        what = f"the folder {folder} cannot be written"
        raise OutputError(what, where=str(path), remedy="name a file in another folder")
    # Permissions do not tell all: some folders take no files from anybody.
    with tempfile.TemporaryFile(dir=folder):
        pass


def _unwritable(path: Path, error: OSError | ValueError) -> OutputError:
    code = getattr(error, "errno", None)
    if code in _FULL:
        what, remedy = "there is no room left for the file", "free some space and export again"
    elif code in _FORBIDDEN:
        what, remedy = "the folder cannot be written", "name a file in another folder"
    else:
        reason = getattr(error, "strerror", None) or str(error)
        what, remedy = f"the file cannot be written ({reason})", "name another file"
    return OutputError(what, where=str(path), remedy=remedy)
