"""A validated dataset and its files; opens the files and finds their types."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote
from zipfile import BadZipFile

from runner.errors import InputError
from runner.files.compression import zip_members
from runner.files.formats import (
    AS_NAMED,
    TEXTS,
    FileType,
    Format,
    ReadOptions,
    file_type_of,
    readable_suffixes,
    unknown_suffix,
)
from runner.files.input_errors import unreadable_error
from runner.files.input_source import InputSource
from runner.files.selection import Selection
from runner.language import _

_MOST_NAMED = 5
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a dataset, as it was when it was checked.

    Attributes:
        rows: The number of all rows in the file, before the selection.
        size: The file's size in bytes.
        mtime_ns: The time of the file's last modification, in nanoseconds since the epoch.
        partition: The names and values of Hive partition columns, as in a folder ``lang=en``.
    """

    path: Path
    type: FileType
    rows: int
    size: int
    mtime_ns: int
    partition: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """The files of a dataset, as they were when they were checked, and the selected rows.

    Attributes:
        files: The files, at least one; their rows follow each other.
        columns: The columns' names in order; for JSONL, every key in order of first appearance.
        rows: The number of selected rows, at least 1.
        matched: The number of rows that meet the selection's conditions.
        digest: Identifies the selected rows, in hex. For one file without a selection it is the
            SHA-256 of the file's (decompressed) bytes; otherwise the SHA-256 of the files' digests
            and the selection.
        selection: The rows to use.
        options: The options that matter for the files: those that their names do not imply.
        reading: Identifies the rows together with `digest`: the formats and sheets that the files'
            names do not imply; empty if there are none.
        alias: The path that messages show, and whose folder is the base of relative paths in rows;
            None means the first file.
        remarks: The assumptions made about the files, for the user.
    """

    files: tuple[SourceFile, ...]
    columns: tuple[str, ...]
    rows: int
    matched: int
    digest: str
    selection: Selection
    options: ReadOptions = AS_NAMED
    reading: str = ""
    alias: Path | None = None
    remarks: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The alias, or the first file if there is none."""
        return self.alias or self.files[0].path

    @property
    def source(self) -> InputSource:
        """The files, how they are read, and which rows are used."""
        paths = (self.alias,) if self.alias else tuple(file.path for file in self.files)
        return InputSource(tuple(path.resolve() for path in paths), self.options, self.selection)

    @property
    def size(self) -> int:
        """The total size of the files, in bytes."""
        return sum(file.size for file in self.files)


ReadProgress = Callable[[int, int], None]
"""Called at intervals with the number of bytes read so far and the total number."""


def partition_of(path: Path) -> tuple[tuple[str, str | None], ...]:
    """Returns the Hive partition columns, with values, in the names of a file's folders."""
    pairs = [folder.split("=", 1) for folder in path.parent.parts if "=" in folder]
    named = [(unquote(name), value) for name, value in pairs if name.strip()]
    return tuple((name, None if value == _NO_VALUE else unquote(value)) for name, value in named)


def input_type(path: Path, options: ReadOptions) -> FileType:
    """Returns the type of an input file, from `options`, its suffixes or, for a zip, its contents.

    Raises:
        InputError: The suffix is not supported.
    """
    file_type = file_type_of(path, options.form) or _inside(path)
    if file_type:
        return replace(file_type, encoding=options.encoding, sheet=options.sheet)
    remedy = _("use one of {known}; or name the format with --format").format(
        known=readable_suffixes()
    )
    raise InputError(unknown_suffix(path), where=str(path), remedy=remedy)


def format_of_name(path: Path) -> Format | None:
    """Returns the format that a file's name implies; None if it implies none."""
    with suppress(InputError):
        return input_type(path, AS_NAMED).format
    return None


def _inside(path: Path) -> FileType | None:
    """Returns the type of the only file in a zip archive, from its name; None for other files.

    Raises:
        InputError: The archive does not contain exactly one text file.
    """
    if path.suffix.lower() != ".zip":
        return None
    with open_input(path) as file, suppress(BadZipFile):
        names = zip_members(file)
        inner = file_type_of(Path(names[0])) if len(names) == 1 else None
        if inner is not None and inner.format in TEXTS and inner.compression is None:
            return replace(inner, compression="zip")
        shown = ", ".join(names[:_MOST_NAMED]) or "nothing"
        what = _("the archive does not hold one file of text, but {shown}").format(shown=shown)
        raise InputError(what, where=str(path), remedy=_("unpack it, and name the file you mean"))
    return None


def open_input(path: Path) -> BinaryIO:
    """Opens a dataset's file for reading bytes.

    Raises:
        InputError: There is no such file, or it cannot be opened.
    """
    where = str(path)
    try:
        if path.is_dir():
            raise InputError(_("this is a folder"), where=where, remedy=_("name a file in it"))
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            remedy = _("save the rows to a file first, or pass them as standard input: -")
            raise InputError(_("this is not a regular file"), where=where, remedy=remedy)
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise InputError(_("no such file"), where=where, remedy=_("check the path")) from error
    except (OSError, ValueError) as error:
        raise unreadable_error(path, error) from error


def size_and_mtime(file: BinaryIO) -> tuple[int, int]:
    """Returns the size of an open file in bytes, and its modification time in nanoseconds."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
