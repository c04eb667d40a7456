"""Reads a sheet of an Excel workbook; formulas have the values that were saved with them."""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

import openpyxl

from runner.errors import InputError
from runner.files.input_errors import header_error, named_columns, unusable
from runner.files.readers.sheet_xml import inspect
from runner.files.readers.typed_json import to_json_text
from runner.language import _

# Excel's escape for a character that XML cannot contain (ECMA-376, 22.4.2.4, ST_Xstring).
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_NO_DATE = re.compile(r"Cell (\w+) is marked as a date but the serial value (\S+) is outside")
_MOST_SHOWN = 3  # ranges
_MAX_WHOLE = 1e21  # floats from here on are written with an exponent
# The errors that openpyxl raises for a file that is damaged or not a workbook.
_OPENPYXL_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    EOFError,
    ArithmeticError,
    AttributeError,
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
        all: The number of rows according to the workbook, which may be wrong.
        sheet: The name of the sheet, unless it is the first one that is not hidden.
        remarks: The assumptions made about the file, for the user.
    """

    def __init__(self, file: BinaryIO, path: Path, sheet: str | None = None) -> None:
        self._path = path
        self._wanted = sheet
        self.sheet: str | None = None
        self.remarks: tuple[str, ...] = ()
        self.line = 0
        self.all = 0
        self._cells = self._sheet_rows(file)
        header = _trimmed(next(self._filled(), ()))
        names = ["" if name is None else str(self._value(name)) for name in header]
        self.columns, remarks = named_columns(names)
        self.remarks += tuple(f"{path.name}: {remark}" for remark in remarks)
        if not self.columns:
            raise unusable(path, _("the first sheet is empty"))
        if fault := header_error(self.columns):
            raise InputError(
                fault, where=f"{path}: row {self.line}", remedy=_("correct the header")
            )

    def json_rows(self, start: int) -> Iterator[str]:
        """Yields each row from number `start` as JSON text.

        Raises:
            InputError: The workbook is damaged, or a row is wider than the header.
        """
        width = len(self.columns)
        for cells in islice(self._filled(), start, None):
            row = _trimmed(cells)
            if len(row) > width:
                what = _("{row} cells, where the header has {width}").format(
                    row=len(row), width=width
                )
                where = _("{path}: row {line}").format(path=self._path, line=self.line)
                raise InputError(what, where=where, remedy=_("name every column in the header"))
            values = [*map(self._value, row), *[None] * (width - len(row))]
            yield to_json_text(dict(zip(self.columns, values, strict=True)))

    def _value(self, cell: Any) -> Any:
        """Returns a cell's value, with Excel's escapes in a text decoded."""
        if isinstance(cell, str):
            return _unescaped(cell) if "_x" in cell else cell
        return plain(cell)

    def _filled(self) -> Iterator[Sequence[Any]]:
        for cells in self._cells:
            self.line += 1
            if any(cell is not None and cell != "" for cell in cells):
                yield cells

    def _sheet_rows(self, file: BinaryIO) -> Iterator[Sequence[Any]]:
        try:
            with warnings.catch_warnings():  # warnings about styles do not matter here
                warnings.simplefilter("ignore")
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
                names = [sheet.title for sheet in book.worksheets]
                visible = [sheet.sheet_state == "visible" for sheet in book.worksheets]
                sheet: Any = book.worksheets[self._chosen(names, visible)]
                self._inspect(sheet)
                self.all = sheet.max_row or 0
                sheet.reset_dimensions()  # some programs write wrong dimensions
            rows = sheet.iter_rows(values_only=True)
            while (cells := self._next(rows)) is not None:
                yield cells
        except _OPENPYXL_ERRORS as error:
            what = _("this is not an Excel workbook (.xlsx), or it is damaged, or has a password")
            where = (
                _("{path}: row {line}").format(path=self._path, line=self.line + 1)
                if self.line
                else str(self._path)
            )
            raise InputError(what, where=where, remedy=_("save it again")) from error

    def _inspect(self, sheet: Any) -> None:
        """Tells merged cells, whose value only the first of them has.

        Raises:
            InputError: A cell has a formula without a value, which would be read as empty.
        """
        with sheet._get_source() as xml:  # noqa: SLF001 - nothing else gives the XML
            uncalculated, merged = inspect(xml)
        if uncalculated:
            what = _("the formula in the cell {cell} was never calculated")
            remedy = _("open the file in Excel or LibreOffice, and save it")
            shown = what.format(cell=uncalculated)
            raise InputError(shown, where=str(self._path), remedy=remedy)
        if merged:
            remark = _("{file}: cells are merged ({ranges}); only the first of them has the value")
            shown = ", ".join(merged[:_MOST_SHOWN]) + ", …" * (len(merged) > _MOST_SHOWN)
            self.remarks += (remark.format(file=self._path.name, ranges=shown),)

    def _chosen(self, names: Sequence[str], visible: Sequence[bool]) -> int:
        """Returns the index of the sheet to read: by default the first one that is not hidden.

        Raises:
            InputError: There is no sheet with the given name or number.
        """
        first = visible.index(True) if True in visible else 0
        if self._wanted is None and len(names) > 1:
            rest = ", ".join(f'"{name}"' for at, name in enumerate(names) if at != first)
            remark = _('{file}: the sheet "{name}" is read, and not {rest}; --sheet names another')
            shown = remark.format(file=self._path.name, name=names[first], rest=rest)
            self.remarks += (shown,)
        chosen = first if self._wanted is None else self._named(self._wanted, names)
        self.sheet = names[chosen] if chosen != first else None
        return chosen

    def _named(self, wanted: str, names: Sequence[str]) -> int:
        if wanted in names:
            return names.index(wanted)
        if wanted.isdecimal() and 0 < int(wanted) <= len(names):
            return int(wanted) - 1
        known = ", ".join(f'"{name}"' for name in names)
        what = _('there is no sheet "{sheet}"; the sheets are {known}').format(
            sheet=wanted, known=known
        )
        raise InputError(what, where=str(self._path), remedy=_("name one of them, or its number"))

    def _next(self, rows: Iterator[Sequence[Any]]) -> Sequence[Any] | None:
        """Returns the next row.

        Raises:
            InputError: A cell contains a date outside Python's range.
        """
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always")
            cells = next(rows, None)
        for warning in recorded:  # openpyxl reads such a date as #VALUE!
            if match := _NO_DATE.search(str(warning.message)):
                what = _(
                    "the cell {cell} is formatted as a date, and its number {number} is none"
                ).format(cell=match[1], number=match[2])
                remedy = _("give it the format of a number")
                raise InputError(what, where=str(self._path), remedy=remedy)
        return cells


def _trimmed(cells: Sequence[Any]) -> Sequence[Any]:
    """Returns the cells without trailing empty ones."""
    width = len(cells)
    while width and (cells[width - 1] is None or cells[width - 1] == ""):
        width -= 1
    return cells[:width]


def plain(cell: Any) -> Any:
    """Returns a value: a whole float becomes an int, and a datetime at midnight a date."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _MAX_WHOLE:
        return int(Decimal(repr(cell)))  # int(cell) would invent digits after the seventeenth
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date()
    return cell


def _unescaped(text: str) -> str:
    """Decodes the escapes in a text; surrogate pairs become one character."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
