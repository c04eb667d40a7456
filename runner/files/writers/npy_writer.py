"""Writes embeddings as one matrix of 32-bit floats in NumPy's .npy format, without NumPy."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from typing import BinaryIO

from runner.files.writers.encode import CellValue
from runner.files.writers.sink import Layout
from runner.language import _

_HEADER = 128
"""The size of the header in bytes, a multiple of 64 (numpy.lib.format, version 1.0)."""


class NpySink:
    """Writes one row of the matrix for each row; it is all NaN for a row without an answer."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self._file = file
        self._layout = layout
        self._position = layout.added.index(layout.vector) if layout.vector else 0
        self._rows = 0
        self._width: int | None = None
        file.write(bytes(_HEADER))

    def write(self, _row: str, values: Sequence[CellValue]) -> None:
        """Writes the numbers of the answer."""
        self._rows += 1
        vector = self._layout.vector_of(self._rows, values[self._position])
        if self._width is None:
            if vector is None:
                return  # the width is not known yet
            self._width = len(vector)
            for _ in range(self._rows - 1):
                self._write(None)
        self._write(vector)

    def finish(self) -> None:
        """Writes the header, which contains the number of rows."""
        shape = (self._rows, self._width or 0)
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
        magic = b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little")
        self._file.seek(0)
        self._file.write(magic + header.ljust(_HEADER - 11).encode() + b"\n")

    def abandon(self) -> None:
        """Does nothing, because there is no resource to release."""

    def _write(self, vector: list[float] | None) -> None:
        width = self._width or 0
        numbers = array("f", [math.nan] * width if vector is None else vector)
        if len(numbers) != width:
            what = _("its embedding has {numbers} numbers, where the first has {width}").format(
                numbers=len(numbers), width=width
            )
            raise self._layout.row_error(self._rows, what)
        if sys.byteorder == "big":
            numbers.byteswap()
        self._file.write(numbers.tobytes())
