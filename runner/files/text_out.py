"""Result files that are text: CSV, TSV and JSON Lines, packed or not.

It refuses to know how a row is spelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from runner.files.compression import packed
from runner.files.formats import Kind
from runner.files.sink import Layout
from runner.files.spell import Value, header_of, spelling_for

_HELD_BACK = 1 << 18  # characters


class TextSink:
    """Writes lines, many at once."""

    def __init__(self, file: BinaryIO, kind: Kind, layout: Layout) -> None:
        self._file = packed(file, kind.packing, layout.path)
        self._packed = kind.packing is not None
        self._spelling = spelling_for(kind.format, layout.columns, layout.added)
        self._held = [header_of(kind.format, layout.names)]
        self._size = 0

    def write(self, row: str, values: Sequence[Value]) -> None:
        """Spell one row, and now and then write what was spelled."""
        line = self._spelling(row, values)
        self._held.append(line)
        self._size += len(line)
        if self._size > _HELD_BACK:
            self._let_go()

    def finish(self) -> None:
        """Write the last lines."""
        self._let_go()
        if self._packed:
            self._file.close()

    def abandon(self) -> None:
        """End the packing, whatever comes of it."""
        if self._packed:
            with suppress(OSError, ValueError):
                self._file.close()

    def _let_go(self) -> None:
        self._file.write("".join(self._held).encode())
        self._held, self._size = [], 0
