"""Reads a sheet of an old Excel workbook (.xls) or an OpenDocument one (.ods), with calamine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from runner.errors import InputError
from runner.files.readers.excel_reader import ExcelTable, plain
from runner.language import _


class CalamineTable(ExcelTable):
    """The rows of one workbook; the whole sheet is loaded into memory."""

    def _value(self, cell: Any) -> Any:
        """Returns a cell's value; None for an empty cell, which calamine returns as ``""``."""
        return (cell or None) if isinstance(cell, str) else plain(cell)

    def _sheet_rows(self, file: BinaryIO) -> Iterator[Sequence[Any]]:
        from python_calamine import (  # an extra
            CalamineError,
            CalamineWorkbook,
            SheetVisibleEnum,
        )

        try:
            book = CalamineWorkbook.from_filelike(file)
            visible = [sheet.visible == SheetVisibleEnum.Visible for sheet in book.sheets_metadata]
            sheet = book.get_sheet_by_index(self._chosen(book.sheet_names, visible))
            self.all = sheet.height
            yield from sheet.to_python(skip_empty_area=False)
        except CalamineError as error:
            what = _(
                "this is not a workbook, or it is damaged, or has a password ({error})"
            ).format(error=error)
            raise InputError(what, where=str(self._path), remedy=_("save it again")) from error
