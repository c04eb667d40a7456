"""How tables of comma- or tab-separated text become rows.

It knows nothing of files: it is handed lines, and tells what is wrong with them by line number.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import orjson

from runner.files.faults import header_fault

MAX_CELL = 1 << 26
"""The longest cell, in characters."""

Complain = Callable[[int, str], None]
"""Called with the line where a row begins, and what is wrong with the row."""


class Table:
    """The rows of one table, in one pass; blank lines are skipped.

    Attributes:
        columns: The names in the header; empty when there is none.
        line: The number of the last line read.
        fault: Why the header cannot be read, or None.
    """

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        if csv.field_size_limit() < MAX_CELL:  # one setting for the whole process: never lower it
            csv.field_size_limit(MAX_CELL)
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self.columns: tuple[str, ...] = ()
        self.fault: str | None = None
        try:
            self.columns = tuple(next((cells for cells in self._reader if _has_text(cells)), ()))
            self.fault = header_fault(self.columns)
        except csv.Error as error:
            self.fault = _reason(error)

    @property
    def line(self) -> int:
        """The number of the last line read."""
        return self._reader.line_num

    def checked(self, complain: Complain) -> Iterator[None]:
        """Yield once for each good row; `complain` hears of each broken one."""
        width = len(self.columns)
        for begins, cells in self._rows(complain):
            if len(cells) == width:
                yield None
            elif _has_text(cells):
                complain(begins, f"{_cells(len(cells))}, where the header has {width}")

    def texts(self, start: int) -> Iterator[str]:
        """Yield each row from number `start` as the text of a JSON object, keys in column order.

        Raises:
            csv.Error: a row is broken.
            ValueError: a row has more or fewer cells than the header.
        """
        columns, dumps = self.columns, orjson.dumps
        for cells in islice(self._good(), start, None):
            yield dumps(dict(zip(columns, cells, strict=True))).decode()

    def _good(self) -> Iterator[list[str]]:
        width = len(self.columns)
        for cells in self._reader:
            if len(cells) == width:
                yield cells
            elif _has_text(cells):
                raise ValueError(_cells(len(cells)))

    def _rows(self, complain: Complain) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with the line where it begins, going on after a broken one."""
        reader = self._reader
        while True:
            begins = reader.line_num + 1
            try:
                for cells in reader:
                    yield begins, cells
                    begins = reader.line_num + 1
            except csv.Error as error:
                complain(begins, _reason(error))
            else:
                return


def _has_text(cells: list[str]) -> bool:
    """Tell a row from a blank line."""
    return len(cells) > 1 or any(map(str.strip, cells))


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def _reason(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end of data" in message or "field larger" in message:
        return "a quote opened in this row is never closed"
    if "expected after" in message:
        return "text follows a closing quote; a quote inside a cell is written twice"
    if "new-line character" in message:
        return "a carriage return stands alone outside quotes"
    return message
