"""The result file: written beside its place, and put there whole or not at all.

It knows neither results nor queues: it is handed one row at a time, with what became of it.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from runner.files.spell import RESULT_COLUMNS, Spelling, Value, header_of, spelling_for
from runner.files.target import check_output, output_kind, real_target, translated

_BUFFER = 1 << 20
_LONGEST_STEM = 50  # in characters of up to 4 bytes, so that the name stays under 255 bytes


class OutputWriter:
    """Writes the rows of one result file, in the order they are handed over."""

    def __init__(self, path: Path, file: TextIO, spelling: Spelling) -> None:
        self._path = path
        self._file = file
        self._spelling = spelling

    def write(self, row: str, values: Sequence[Value]) -> None:
        """Write one input row, and what is added to it.

        Args:
            row: The text of a JSON object.
            values: One for each added column, in order.

        Raises:
            OutputError: the file cannot be written.
        """
        text = self._spelling(row, values)
        with translated(self._path):
            self._file.write(text)


@contextmanager
def open_output(
    path: Path, columns: Sequence[str], added: Sequence[str] = RESULT_COLUMNS
) -> Iterator[OutputWriter]:
    """Write a result file in the format of its suffix; it appears only when the block succeeds.

    Args:
        path: Where the file is to be; one that exists is replaced and keeps its permissions.
        columns: The input's columns, in order.
        added: The columns that follow them, none of which the input has.

    Raises:
        OutputError: the file cannot be written; what was at `path` is untouched.
    """
    check_output(path)
    target, form = real_target(path), output_kind(path).format
    part = target.with_name(f".{target.name[:_LONGEST_STEM]}.{secrets.token_hex(4)}.part")
    with translated(path):
        file = part.open("x", encoding="utf-8", newline="", buffering=_BUFFER)
    try:
        with translated(path):
            file.write(header_of(form, (*columns, *added)))
        yield OutputWriter(path, file, spelling_for(form, columns, added))
        with translated(path):
            _put_in_place(file, part, target)
    finally:
        with suppress(OSError):  # closing writes what is left, which may fail once more
            file.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _put_in_place(file: TextIO, part: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    with suppress(FileNotFoundError):
        part.chmod(stat.S_IMODE(target.stat().st_mode))
    part.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system lets a folder be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
