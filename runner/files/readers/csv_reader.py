"""Reads tables of comma- or tab-separated text; errors name the line number."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import orjson

from runner.files.input_errors import header_error, named_columns
from runner.files.readers.lines import ReportError
from runner.language import _, ngettext

_NEEDS_QUOTES = re.compile(r'[\t"\n\r,]|^$')  # Excel quotes a comma in a TSV file, too

MAX_CELL = 1 << 26
"""The longest cell, in characters."""

_SEPARATOR_LINE = re.compile(r"sep=.?", re.IGNORECASE | re.DOTALL)


def has_plain_quotes(lines: Iterable[str]) -> bool:
    """Whether quotes in a TSV file are characters like any other.

    They are not where every cell that begins with one is quoted as in CSV and needs it, because of
    a tab, a quote or a line end in it; or where the whole header is quoted.
    """
    if csv.field_size_limit() < MAX_CELL:
        csv.field_size_limit(MAX_CELL)
    raw: list[str] = []  # the lines of one row
    reader = csv.reader(_kept(lines, raw), delimiter="\t", strict=True)
    width = 0
    try:
        for cells in reader:
            if not width and _has_text(cells):
                width = len(cells)
                if all(_are_quoted(cells, "".join(raw))):
                    return False
            if '"' in "".join(raw):
                quoted = zip(cells, _are_quoted(cells, "".join(raw)), strict=True)
                if len(cells) != width or any(
                    is_quoted and not _NEEDS_QUOTES.search(cell) for cell, is_quoted in quoted
                ):
                    return True
            raw.clear()
    except csv.Error:
        return True
    return False


def has_semicolons(lines: Iterable[str], required: Collection[str]) -> bool:
    """Whether semicolons stand between the cells of a CSV file, as Excel writes it in many places.

    Its header is one cell for a reader of commas, and no column that is required.
    """
    for line in lines:
        if not line.strip():
            continue
        try:
            by_comma = next(csv.reader([line], strict=True))
            by_semicolon = next(csv.reader([line], delimiter=";", strict=True))
        except csv.Error:
            return False
        return len(by_comma) == 1 < len(by_semicolon) and by_comma[0] not in required
    return False


def _kept(lines: Iterable[str], raw: list[str]) -> Iterator[str]:
    for line in lines:
        raw.append(line)
        yield line


def _are_quoted(cells: Sequence[str], raw: str) -> list[bool]:
    """Return which cells of a row are quoted in its text."""
    found, at = [], 0
    for cell in cells:
        quoted = '"' + cell.replace('"', '""') + '"'
        found.append(raw.startswith(quoted, at))
        at += len(quoted if found[-1] else cell) + 1
    return found


class CsvTable:
    """The rows of one table, in one pass; blank lines are skipped.

    Attributes:
        columns: The names in the header; empty when the file is empty.
        header_error: What is wrong with the header, or None.
        header_remedy: What to do about it.
        remarks: What was assumed about the header, for the user.
    """

    def __init__(self, lines: Iterable[str], delimiter: str, *, plain: bool = False) -> None:
        if csv.field_size_limit() < MAX_CELL:  # the limit is the process's: never lower it
            csv.field_size_limit(MAX_CELL)
        quoting: Literal[0, 3] = csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True, quoting=quoting)
        self.columns: tuple[str, ...] = ()
        self.header_error: str | None = None
        self.header_remedy = _("correct the header")
        self.remarks: tuple[str, ...] = ()
        try:
            found = next((cells for cells in self._reader if _has_text(cells)), [])
        except csv.Error as error:
            self.header_error = _reason(error)
            return
        if found and _SEPARATOR_LINE.fullmatch(delimiter.join(found).strip()):
            self.header_error = _("this is Excel's sep= line")
            self.header_remedy = _("leave it out")
            return
        self.columns, self.remarks = named_columns(found)
        self.header_error = header_error(self.columns)

    @property
    def line(self) -> int:
        """The number of the last line read."""
        return self._reader.line_num

    def validate(self, report: ReportError) -> Iterator[None]:
        """Yield once for each valid row, and report each invalid one."""
        width = len(self.columns)
        for first_line, cells in self._rows(report):
            if len(cells) == width:
                yield None
            elif _has_text(cells):
                told = ngettext(
                    "{number} cell, where the header has {width}",
                    "{number} cells, where the header has {width}",
                    len(cells),
                )
                report(first_line, told.format(number=len(cells), width=width))

    def json_rows(self, start: int) -> Iterator[str]:
        """Yield each row from number `start` as the text of a JSON object, keys in column order.

        Raises:
            csv.Error: A row cannot be parsed.
            ValueError: A row has more or fewer cells than the header.
        """
        columns, dumps = self.columns, orjson.dumps
        for cells in islice(self._valid(), start, None):
            yield dumps(dict(zip(columns, cells, strict=True))).decode()

    def _valid(self) -> Iterator[list[str]]:
        width = len(self.columns)
        for cells in self._reader:
            if len(cells) == width:
                yield cells
            elif _has_text(cells):
                raise ValueError(len(cells))

    def _rows(self, report: ReportError) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with its first line; report a row that cannot be parsed, and go on."""
        reader = self._reader
        while True:
            first_line = reader.line_num + 1
            try:
                for cells in reader:
                    yield first_line, cells
                    first_line = reader.line_num + 1
            except csv.Error as error:
                report(first_line, _reason(error))
            else:
                return


def _has_text(cells: list[str]) -> bool:
    """Whether the cells are a row, and not a blank line."""
    return len(cells) > 1 or any(map(str.strip, cells))


def _reason(error: csv.Error) -> str:
    """Return Python's message in words for people; it has no error codes to go by."""
    message = str(error)
    if "unexpected end of data" in message or "field larger" in message:
        return _("a quote opened in this row is never closed")
    if "expected after" in message:
        return _("text follows a closing quote; a quote inside a cell is written twice")
    if "new-line character" in message:
        return _("a carriage return stands alone outside quotes")
    return message
