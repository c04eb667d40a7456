"""A dataset that was read once and found whole.

It refuses to know what its rows are for; it only opens, counts and dates them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.formats import SUPPORTED, Format, format_of


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file of rows as it was when it was checked.

    Attributes:
        columns: The columns' names in order; for JSONL, every key in order of first appearance.
        rows: How many rows, at least 1.
        digest: The SHA-256 of the file's bytes, in hex.
        size: The file's size in bytes.
        mtime_ns: When the file was last changed, in nanoseconds since the epoch.
    """

    path: Path
    format: Format
    columns: tuple[str, ...]
    rows: int
    digest: str
    size: int
    mtime_ns: int


Progress = Callable[[int, int], None]
"""Called now and then with the bytes read so far and the bytes in all."""


def input_format(path: Path) -> Format:
    """Return the format of a dataset by its suffix.

    Raises:
        InputError: the suffix is not one of those supported.
    """
    if form := format_of(path):
        return form
    what = f'the suffix "{path.suffix}" is unknown' if path.suffix else "the name has no suffix"
    raise InputError(what, where=str(path), remedy=f"use one of {SUPPORTED}")


def open_input(path: Path) -> BinaryIO:
    """Open a dataset for reading bytes.

    Raises:
        InputError: there is no such file, or it cannot be opened.
    """
    where = str(path)
    try:
        if path.is_dir():
            raise InputError("this is a folder", where=where, remedy="name a file in it")
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            remedy = "save the rows to a file first; they are read more than once"
            raise InputError("this is not a regular file", where=where, remedy=remedy)
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise InputError("no such file", where=where, remedy="check the path") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError | ValueError) -> InputError:
    """Return the error for a file that the system does not let us read."""
    reason = getattr(error, "strerror", None) or str(error)
    what = f"the file cannot be read ({reason})"
    return InputError(what, where=str(path), remedy="check the path and its permissions")


def stamp(file: BinaryIO) -> tuple[int, int]:
    """Return the size of an open file and when it was last changed."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def changed(path: Path, since: str) -> InputError:
    """Return the error for a file that did not stay as it was."""
    what = f"the file changed {since}"
    return InputError(what, where=str(path), remedy="restore it, or submit it as a new batch")
