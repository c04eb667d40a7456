"""Writes result files that are text: CSV, TSV and JSON Lines, compressed or not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from runner.files.compression import compressed
from runner.files.formats import FileType
from runner.files.writers.encode import CellValue, OutputRow, encoder_for, header_line
from runner.files.writers.sink import Layout

_ROWS_HELD = 1_000
_CHARACTERS_HELD = 1 << 18


class TextSink:
    """Buffers rows, and encodes and writes many at once."""

    def __init__(self, file: BinaryIO, file_type: FileType, layout: Layout) -> None:
        self._file = compressed(file, file_type.compression, layout.path)
        self._compressed = file_type.compression is not None
        self._encode = encoder_for(file_type.format, layout.columns, layout.added)
        self._held: list[OutputRow] = []
        self._size = 0
        self._file.write(header_line(file_type.format, layout.names).encode())

    def write(self, row: str, values: Sequence[CellValue]) -> None:
        """Buffer one row; when the buffer is full, write it."""
        self._held.append((row, values))
        self._size += len(row)
        for value in values:
            if isinstance(value, str):
                self._size += len(value)
        if len(self._held) >= _ROWS_HELD or self._size > _CHARACTERS_HELD:
            self._flush()

    def finish(self) -> None:
        """Write the last rows."""
        self._flush()
        if self._compressed:
            self._file.close()

    def abandon(self) -> None:
        """Close the compressed stream, and ignore any error."""
        if self._compressed:
            with suppress(OSError, ValueError):
                self._file.close()

    def _flush(self) -> None:
        held, self._held, self._size = self._held, [], 0
        self._file.write(self._encode(held).encode("utf-8", "replace"))
