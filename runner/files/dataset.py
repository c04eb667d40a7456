"""A dataset that was read once and found whole.

It refuses to know what its rows are for; it only opens, counts and dates its files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.formats import SUPPORTED, Format, Kind, kind_of, unknown_suffix
from runner.files.selection import Selection


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a dataset as it was when it was checked.

    Attributes:
        rows: How many rows it has, chosen or not.
        size: The file's size in bytes.
        mtime_ns: When the file was last changed, in nanoseconds since the epoch.
    """

    path: Path
    kind: Kind
    rows: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Files of rows as they were when they were checked, and which rows of them are meant.

    Attributes:
        parts: The files, at least one; their rows follow each other.
        columns: The columns' names in order; for JSONL, every key in order of first appearance.
        rows: How many rows are meant, at least 1.
        matched: How many rows fulfil the selection's conditions.
        digest: In hex, what makes these rows themselves: for one file, all of it, the SHA-256
            of its bytes, unpacked; otherwise one of the files' digests and the selection.
        selection: Which rows are meant.
        alias: What a user knows them by, and beside what the files are that they name, where that
            is not the first file.
    """

    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    rows: int
    matched: int
    digest: str
    selection: Selection
    alias: Path | None = None

    @property
    def path(self) -> Path:
        """The first file, or what stands for it."""
        return self.alias or self.parts[0].path

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(part.size for part in self.parts)


Progress = Callable[[int, int], None]
"""Called now and then with the bytes read so far and the bytes in all."""


def input_kind(path: Path, form: Format | None) -> Kind:
    """Return what a dataset's file is by its suffixes, or by `form`.

    Raises:
        InputError: the suffix is not one of those supported.
    """
    if kind := kind_of(path, form):
        return kind
    remedy = f"use one of {SUPPORTED}; or say what it is with --format"
    raise InputError(unknown_suffix(path), where=str(path), remedy=remedy)


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
            remedy = "save the rows to a file first, or hand them over as standard input: -"
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
