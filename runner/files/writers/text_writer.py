"""Writes result files that are text: CSV, TSV, JSON Lines and JSON lists, compressed or not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from runner.files.compression import compressed
from runner.files.formats import FileType
from runner.files.writers.encode import CellValue, OutputRow, encoder_for, header_line
from runner.files.writers.sink import Layout

_MARK = "\ufeff"
_MAX_BUFFERED_ROWS = 1_000
_MAX_BUFFERED_CHARACTERS = 1 << 18


class TextSink:
    """Buffers rows, and encodes and writes them in blocks."""

    def __init__(self, file: BinaryIO, file_type: FileType, layout: Layout) -> None:
        self._file = compressed(file, file_type.compression, layout.path)
        self._compressed = file_type.compression is not None
        self._encode = encoder_for(file_type.format, layout.columns, layout.added)
        self._buffer: list[OutputRow] = []
        self._size = 0
        head = header_line(file_type.format, layout.names)
        self._file.write(f"{_MARK if layout.mark and head else ''}{head}".encode())

    def write(self, row: str, values: Sequence[CellValue]) -> None:
        """Buffers one row; when the buffer is full, write it."""
        self._buffer.append((row, values))
        self._size += len(row)
        for value in values:
            if isinstance(value, str):
                self._size += len(value)
        if len(self._buffer) >= _MAX_BUFFERED_ROWS or self._size > _MAX_BUFFERED_CHARACTERS:
            self._flush()

    def finish(self) -> None:
        """Writes the buffered rows and the end of the file."""
        self._flush()
        self._write_end()
        if self._compressed:
            self._file.close()

    def abandon(self) -> None:
        """Closes the compressed stream, and ignores any error."""
        if self._compressed:
            with suppress(OSError, ValueError):
                self._file.close()

    def _flush(self) -> None:
        rows, self._buffer, self._size = self._buffer, [], 0
        self._write(self._encode(rows))

    def _write(self, lines: str) -> None:
        """Writes complete lines with their line ends."""
        self._file.write(lines.encode("utf-8", "replace"))

    def _write_end(self) -> None:
        """Writes the text after the last row; by default there is none."""


class JsonListSink(TextSink):
    """Writes the rows as the items of one JSON list, one item a line."""

    def __init__(self, file: BinaryIO, file_type: FileType, layout: Layout) -> None:
        super().__init__(file, file_type, layout)
        self._before = "[\n"

    def _write(self, lines: str) -> None:
        if lines:  # the encoder writes each object as one line
            items = lines[:-1].replace("\n", ",\n")
            super()._write(self._before + items)
            self._before = ",\n"

    def _write_end(self) -> None:
        super()._write("[]\n" if self._before == "[\n" else "\n]\n")
