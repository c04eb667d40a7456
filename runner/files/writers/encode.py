"""Encodes output rows as text: as lines of JSON, or as lines of a CSV or TSV table.

A value from the input keeps the exact text that it has in the row, so numbers keep their digits.
Unpaired surrogates, which a provider may send, cannot be encoded in UTF-8. They are replaced here
for JSON; for CSV and TSV, the caller replaces them when it encodes the text.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import starmap
from typing import Any

import orjson

from runner import exact_json
from runner.files.formats import Format, delimiter_of

RESULT_COLUMNS = ("answer", "model", "state", "error")
"""The columns that are added to the input's by default."""

CellValue = str | int | float | bool | None
"""The value of an added column."""

OutputRow = tuple[str, Sequence[CellValue]]
"""A row's JSON text, and the values of the added columns."""

Cell = str | int | None
"""The value of a table cell; None is an empty cell."""

Encoder = Callable[[Sequence[OutputRow]], str]
"""Returns the lines of some rows, each with its line end."""

_OBJECTS: frozenset[Format] = frozenset({"jsonl", "json"})

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # numbers are copied, not parsed
_CELL_TYPES = frozenset({str, type(None), int})  # values of these types need no conversion
_WITH_BOOL = _CELL_TYPES | {bool}
_NEGATIVE_ZERO = re.compile(r":\s*-0\s*[,}]")  # orjson reads it as 0


def header_line(form: Format, names: Sequence[str]) -> str:
    """Returns the header with its line end; empty for JSON."""
    return "" if form in _OBJECTS else _TableLines(form)(lambda: [names])


def encoder_for(form: Format, columns: Sequence[str], added: Sequence[str]) -> Encoder:
    """Returns the encoder of rows with these `columns` and `added` columns, in a text format."""
    return _object_encoder(added) if form in _OBJECTS else _table_encoder(form, columns)


def _object_encoder(added: Sequence[str]) -> Encoder:
    names = tuple(added)

    def encode_one(row: str, values: Sequence[CellValue]) -> str:
        """Appends the values to the object in the row's text."""
        members = row.strip()[1:-1].strip()
        more = _added_members(names, values)
        comma = "," if members and names else ""
        line = f"{{{members}{comma}{more}\n"
        # In JSON a raw line end may stand only between tokens, where a space is equivalent.
        return line if line.count("\n") == 1 else line[:-1].replace("\n", " ") + "\n"

    def encode(rows: Sequence[OutputRow]) -> str:
        return "".join([encode_one(row, values) for row, values in rows])

    return encode


def _added_members(names: Sequence[str], values: Sequence[CellValue]) -> str:
    """Returns the added columns as the members of an object, with its closing brace."""
    try:
        return orjson.dumps(dict(zip(names, values, strict=True)))[1:].decode()
    except orjson.JSONEncodeError:  # an unpaired surrogate
        safe = dict(zip(names, map(encodable, values), strict=True))
        return orjson.dumps(safe)[1:].decode()


def _table_encoder(form: Format, columns: Sequence[str]) -> Encoder:
    lines, names = _TableLines(form), tuple(columns)

    def cells_of(row: str, values: Sequence[CellValue]) -> list[Cell]:
        cells: list[Cell] = list(map(to_cells(row).get, names))
        are_cells = _CELL_TYPES.issuperset(map(type, values))
        cells += values if are_cells else map(to_cell, values)  # type: ignore[arg-type]
        return cells

    def encode(rows: Sequence[OutputRow]) -> str:
        return lines(lambda: starmap(cells_of, rows))

    return encode


def to_cell(value: CellValue) -> Cell:
    """Returns an added value as a cell: text and None unchanged, other values as JSON."""
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


class _TableLines:
    """Encodes rows of cells as lines that end with a line feed.

    The rows are generated one by one as they are written. If many were kept at once, the garbage
    collector would traverse all their cells, which takes a quarter of the time of an export.
    """

    def __init__(self, form: Format) -> None:
        self._delimiter = delimiter_of(form)

    def __call__(self, rows: Callable[[], Iterable[Sequence[Cell]]]) -> str:
        text = self._write(rows(), "\n")
        # With the line end "\n", csv.writer of some Python versions does not quote a cell that
        # contains "\r". It always does with "\r\n", which is then replaced line by line.
        if "\r" in text:
            text = "".join([self._write([row], "\r\n")[:-2] + "\n" for row in rows()])
        return text

    def _write(self, rows: Iterable[Sequence[Cell]], line_end: str) -> str:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=self._delimiter, lineterminator=line_end)
        writer.writerows(rows)
        return buffer.getvalue()


def to_cells(row: str) -> dict[str, Cell]:
    """Returns a row's values as cells: text unchanged, null as None, other values as JSON."""
    try:
        values: dict[str, Any] = orjson.loads(row)
    except orjson.JSONDecodeError:  # a number too large for a float, or an unpaired surrogate
        return _copied_cells(exact_json.replace_lone_surrogates(row))
    types = set(map(type, values.values()))
    if not types <= _WITH_BOOL or ("-0" in row and _NEGATIVE_ZERO.search(row)):
        return _copied_cells(row)
    if bool in types:
        for name, value in values.items():
            if isinstance(value, bool):
                values[name] = "true" if value else "false"
    return values


def _copied_cells(row: str) -> dict[str, Cell]:
    """Does the same as `to_cells`, by copying each value's text out of the row."""
    cells: dict[str, Cell] = {}
    at = _skip_space(row, row.index("{") + 1)
    while row[at] != "}":
        key, at = _DECODER.raw_decode(row, at)
        at = _skip_space(row, row.index(":", at) + 1)
        value, end = _DECODER.raw_decode(row, at)
        cells[key] = value if value is None or isinstance(value, str) else row[at:end]
        at = _skip_space(row, end)
        at = _skip_space(row, at + 1) if row[at] == "," else at
    return cells


def _skip_space(row: str, at: int) -> int:
    """Returns the position after the white space at `at`."""
    space = _SPACE.match(row, at)
    return space.end() if space else at


def encodable(value: CellValue) -> CellValue:
    """Returns the value with unpaired surrogates replaced, so that it can be encoded in UTF-8."""
    return replace_surrogates(value) if isinstance(value, str) else value


def replace_surrogates(text: str) -> str:
    """Replaces unpaired surrogates by question marks."""
    return text.encode("utf-8", "replace").decode()
