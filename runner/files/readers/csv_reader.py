"""Reads CSV and TSV files; errors name the line number."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import orjson

from runner.files.input_errors import header_error, named_columns
from runner.files.readers.lines import ReportError
from runner.language import _, gettext_noop, ngettext

_NEEDS_QUOTES = re.compile(r'[\t"\n\r,]|^$')  # Excel also quotes cells with commas in TSV files

MAX_CELL = 1 << 26
"""The longest cell, in characters."""

_DATABASE_NULL = r"\N"
_LONE_RETURN = gettext_noop("a carriage return stands alone outside quotes")
_SEPARATORS = (";", "\t", "|")
# The first line end outside quotes. Some programs write two carriage returns and a line feed.
_FIRST_LINE_END = re.compile(rb'(?:[^"\r\n]|"[^"]*")*(\r*\n|\r)')
_SEPARATOR_LINE = re.compile(r"sep=.?", re.IGNORECASE | re.DOTALL)


def has_plain_quotes(lines: Iterable[str]) -> bool:
    """Whether quotes in a TSV file are ordinary characters.

    The file is quoted as in CSV if the whole header is quoted, or if every cell that begins with a
    quote is well quoted and needs it, because it contains a tab, a quote, a comma or a line end.
    """
    if csv.field_size_limit() < MAX_CELL:
        csv.field_size_limit(MAX_CELL)
    raw: list[str] = []  # the lines of one row
    reader = csv.reader(_recorded(lines, raw), delimiter="\t", strict=True)
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


def other_separator(lines: Iterable[str], required: Collection[str]) -> str | None:
    """Returns the character that separates the cells of a CSV file; None for a comma.

    It is another one if the header, split at commas, is a single cell that is not a required
    column. Excel writes semicolons in many locales.
    """
    header = next((line for line in lines if line.strip()), "")
    try:
        by_comma = next(csv.reader([header]), [])
        cells = {sign: len(next(csv.reader([header], delimiter=sign))) for sign in _SEPARATORS}
    except csv.Error:
        return None
    separator = max(_SEPARATORS, key=cells.__getitem__)
    if len(by_comma) == 1 < cells[separator] and by_comma[0] not in required:
        return separator
    return None


def ends_with_returns(head: bytes) -> bool:
    """Whether carriage returns alone end the lines, as Excel for the Mac writes them.

    Args:
        head: The beginning of the file.
    """
    found = _FIRST_LINE_END.match(head)
    return found is not None and found[1] == b"\r"


def _recorded(lines: Iterable[str], raw: list[str]) -> Iterator[str]:
    """Yields the lines, and appends each to `raw`."""
    for line in lines:
        raw.append(line)
        yield line


def _are_quoted(cells: Sequence[str], raw: str) -> list[bool]:
    """Returns, for each cell of a row, whether it is quoted in the row's text."""
    are_quoted, at = [], 0
    for cell in cells:
        quoted = '"' + cell.replace('"', '""') + '"'
        are_quoted.append(raw.startswith(quoted, at))
        at += len(quoted if are_quoted[-1] else cell) + 1
    return are_quoted


class CsvTable:
    """The rows of one table, in one pass; blank lines are skipped.

    Attributes:
        columns: The names in the header; empty when the file is empty.
        header_error: The error in the header, or None.
        header_remedy: The advice about that error.
        remarks: The assumptions made about the header, for the user.
        has_database_nulls: Whether `validate` has read a cell that databases write for null.
        repeated_header: The line on which `validate` has read the header again; 0 if on none.
        has_row_names: Whether `validate` has read a row with one cell more than the header.
    """

    def __init__(self, lines: Iterable[str], delimiter: str, *, plain: bool = False) -> None:
        if csv.field_size_limit() < MAX_CELL:  # the limit is global to the process: never lower it
            csv.field_size_limit(MAX_CELL)
        quoting: Literal[0, 3] = csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True, quoting=quoting)
        self.columns: tuple[str, ...] = ()
        self.header_error: str | None = None
        self.header_remedy = _("correct the header")
        self.remarks: tuple[str, ...] = ()
        self.has_database_nulls = False
        self.repeated_header = 0
        self.has_row_names = False
        self._header: list[str] = []
        try:
            header = next((cells for cells in self._reader if _has_text(cells)), [])
        except csv.Error as error:
            self.header_error = _reason(error)
            if self.header_error == _(_LONE_RETURN):
                self.header_remedy = _("save it with the line ends of Windows or Unix")
            return
        if header and _SEPARATOR_LINE.fullmatch(delimiter.join(header).strip()):
            self.header_error = _("this is Excel's sep= line")
            self.header_remedy = _("leave it out")
            return
        self._header = header
        self.columns, self.remarks = named_columns(header)
        self.header_error = header_error(self.columns)

    @property
    def line(self) -> int:
        """The number of the last line read."""
        return self._reader.line_num

    def validate(self, report: ReportError) -> Iterator[None]:
        """Yields once for each valid row, and reports each invalid one."""
        width, header = len(self.columns), self._header
        for first_line, cells in self._rows(report):
            if len(cells) == width:
                if _DATABASE_NULL in cells:
                    self.has_database_nulls = True
                if cells[-1] == header[-1] and _is_header(cells, header):
                    self.repeated_header = self.repeated_header or first_line
                yield None
            elif _has_text(cells):
                self.has_row_names = self.has_row_names or len(cells) == width + 1
                what = ngettext(
                    "{number} cell, where the header has {width}",
                    "{number} cells, where the header has {width}",
                    len(cells),
                )
                report(first_line, what.format(number=len(cells), width=width))

    def json_rows(self, start: int) -> Iterator[str]:
        """Yields each row from number `start` as JSON text, with the keys in column order.

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
        """Yields each row with its first line number; reports rows that cannot be parsed."""
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


def _is_header(cells: list[str], header: list[str]) -> bool:
    """Whether a row is the header again, as after ``cat``, perhaps with a byte order mark."""
    return [cells[0].removeprefix("\ufeff"), *cells[1:]] == header


def _has_text(cells: list[str]) -> bool:
    """Whether the cells are a row and not a blank line."""
    return len(cells) > 1 or any(map(str.strip, cells))


def _reason(error: csv.Error) -> str:
    """Returns a message for people; Python's error has no code, so its text is matched."""
    message = str(error)
    if "unexpected end of data" in message or "field larger" in message:
        return _("a quote opened in this row is never closed")
    if "expected after" in message:
        return _("text follows a closing quote; a quote inside a cell is written twice")
    if "new-line character" in message:
        return _(_LONE_RETURN)
    return message
