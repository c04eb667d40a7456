"""Writes results to the only sheet of an Excel workbook.

Nothing is truncated: a text that is too long for a cell, or too many rows, are an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import openpyxl
from openpyxl.cell import WriteOnlyCell

from runner import exact_json
from runner.files.target import EXCEL_ROWS
from runner.files.writers.encode import CellValue, replace_surrogates, to_cells
from runner.files.writers.sink import Layout
from runner.language import _

_MAX_CELL = 32_767  # characters
_MAX_NUMBER = 10**15  # Excel keeps 15 digits of a number
# Characters that XML cannot contain; Excel's format escapes them (ECMA-376, 22.4.2.4, ST_Xstring).
_NOT_IN_XML = re.compile(r"[\0-\x08\x0b\x0c\r\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class ExcelSink:
    """Writes each row immediately; a text is never stored as a formula."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self._file = file
        self._layout = layout
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet: Any = self._book.create_sheet("results")
        self._rows = 0
        self._sheet.append([self._text(name) for name in layout.names])

    def write(self, row: str, values: Sequence[CellValue]) -> None:
        """Writes one row."""
        self._rows += 1
        if self._rows >= EXCEL_ROWS:
            raise self._layout.row_error(
                self._rows, _("a sheet ends at row {most:,}").format(most=EXCEL_ROWS)
            )
        cells = self._input_cells(row)
        self._sheet.append([*cells, *map(self._cell, values)])

    def finish(self) -> None:
        """Saves the workbook."""
        self._book.save(self._file)

    def abandon(self) -> None:
        """Closes the sheet, which removes the temporary file of its rows."""
        with suppress(Exception):  # the sheet is already closed, or was never opened
            self._sheet.close()

    def _input_cells(self, row: str) -> list[Any]:
        values = exact_json.loads(row)
        texts = to_cells(row) if any(map(_too_long, values.values())) else values
        return [
            self._cell(texts[name] if _too_long(value := values.get(name)) else value)
            for name in self._layout.columns
        ]

    def _cell(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return str(value) if _too_long(value) else value
        return self._text(value if isinstance(value, str) else exact_json.dumps(value).decode())

    def _text(self, text: str) -> Any:
        if len(text) > _MAX_CELL:
            what = _("a text has {text:,} characters, and a cell holds {most:,}").format(
                text=len(text), most=_MAX_CELL
            )
            raise self._layout.row_error(self._rows, what)
        safe = _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", replace_surrogates(text))
        if not safe.startswith(("=", "#")):
            return safe
        cell: Any = WriteOnlyCell(self._sheet, safe)
        cell.data_type = "s"
        return cell


def _too_long(value: Any) -> bool:
    """Whether the value is a number with too many digits for Excel."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and not -_MAX_NUMBER < value < _MAX_NUMBER
