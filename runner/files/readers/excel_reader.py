"""Reads the first sheet of an Excel workbook; a formula has the value that was saved with it."""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

import openpyxl

from runner.errors import InputError
from runner.files.input_errors import header_error, unusable
from runner.files.readers.typed_json import to_json_text

# The format's escape for a character that XML cannot hold (ECMA-376, 22.4.2.4, ST_Xstring).
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
# What openpyxl raises for a file that is damaged, or not a workbook.
_OPENPYXL_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
)


class ExcelTable:
    """The rows of one workbook; blank rows are skipped.

    Attributes:
        columns: The texts in the first row that is not blank.
        line: The number of the last row read, counted from 1, the header included.
        all: The number of rows that the workbook claims to have.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._path = path
        self.line = 0
        self.all = 0
        self._cells = self._sheet_rows(file)
        header = _trimmed(next(self._filled(), ()))
        self.columns = tuple("" if name is None else str(_value(name)) for name in header)
        if not self.columns:
            raise unusable(path, "the first sheet is empty")
        if fault := header_error(self.columns):
            raise InputError(fault, where=f"{path}: row {self.line}", remedy="correct the header")

    def json_rows(self, start: int) -> Iterator[str]:
        """Yield each row from number `start` as the text of a JSON object.

        Raises:
            InputError: The workbook is damaged, or a row is wider than the header.
        """
        width = len(self.columns)
        for cells in islice(self._filled(), start, None):
            row = _trimmed(cells)
            if len(row) > width:
                what = f"{len(row)} cells, where the header has {width}"
                where = f"{self._path}: row {self.line}"
                raise InputError(what, where=where, remedy="name every column in the header")
            values = [*map(_value, row), *[None] * (width - len(row))]
            yield to_json_text(dict(zip(self.columns, values, strict=True)))

    def _filled(self) -> Iterator[Sequence[Any]]:
        for cells in self._cells:
            self.line += 1
            if any(cell is not None and cell != "" for cell in cells):
                yield cells

    def _sheet_rows(self, file: BinaryIO) -> Iterator[Sequence[Any]]:
        try:
            with warnings.catch_warnings():  # about styles and such, which are not read
                warnings.simplefilter("ignore")
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
                sheet: Any = book.worksheets[0]
                self.all = sheet.max_row or 0
                sheet.reset_dimensions()  # some programs write wrong dimensions
            yield from sheet.iter_rows(values_only=True)
        except _OPENPYXL_ERRORS as error:
            what = "this is not an Excel workbook (.xlsx), or it is damaged, or has a password"
            raise InputError(what, where=str(self._path), remedy="save it again") from error


def _trimmed(cells: Sequence[Any]) -> Sequence[Any]:
    """Return the cells without the empty ones at the end."""
    width = len(cells)
    while width and (cells[width - 1] is None or cells[width - 1] == ""):
        width -= 1
    return cells[:width]


def _value(cell: Any) -> Any:
    """Return a cell's value; a whole number as an integer, and a time at midnight as a date."""
    if isinstance(cell, str):
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), cell)
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date()
    return cell
