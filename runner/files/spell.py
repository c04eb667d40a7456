"""How one output row is spelled in each format.

It knows neither files nor states; what an input row says is carried over as it was spelled.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence

import orjson

from runner.files.formats import Format, delimiter_of

RESULT_COLUMNS = ("answer", "model", "state", "error")
"""What is added to the input's columns, unless more is."""

Value = str | int | float | bool | None
"""What an added column may hold."""

Spelling = Callable[[str, Sequence[Value]], str]
"""Makes a line, with its end, of a row's JSON text and the values that are added to it."""

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # numbers are copied, not understood


def header_of(form: Format, names: Sequence[str]) -> str:
    """Return the line before the first row, with its end; nothing for JSONL."""
    return "" if form == "jsonl" else _TableLine(form)(names)


def spelling_for(form: Format, columns: Sequence[str], added: Sequence[str]) -> Spelling:
    """Return how rows with these `columns` and these `added` ones are spelled in `form`."""
    return _object_spelling(added) if form == "jsonl" else _table_spelling(form, columns)


def _object_spelling(added: Sequence[str]) -> Spelling:
    def spell(row: str, values: Sequence[Value]) -> str:
        """Splice the values into the row's text, so that numbers keep their digits."""
        members = row.strip()[1:-1].strip()
        more = orjson.dumps(dict(zip(added, map(encodable, values), strict=True))).decode()
        comma = "," if members and added else ""
        line = f"{{{members}{comma}{more[1:]}\n"
        # A raw line end is legal between JSON tokens and nowhere else: a space means the same.
        return line if line.count("\n") == 1 else line[:-1].replace("\n", " ") + "\n"

    return spell


def _table_spelling(form: Format, columns: Sequence[str]) -> Spelling:
    line = _TableLine(form)

    def spell(row: str, values: Sequence[Value]) -> str:
        cells = cells_of(row)
        return line((*(cells.get(name) for name in columns), *map(cell_of, values)))

    return spell


def cell_of(value: Value) -> str | None:
    """Return an added value as a cell: a text as it is, None as nothing, the rest as JSON."""
    if isinstance(value, str):
        return sound(value)
    return value if value is None else orjson.dumps(value).decode()


class _TableLine:
    """Spells cells as one record; called by the csv writer once for each."""

    def __init__(self, form: Format) -> None:
        self._line = ""
        # With \r\n for its end, the writer of every Python version quotes cells holding \r or \n.
        self._writer = csv.writer(self, delimiter=delimiter_of(form), lineterminator="\r\n")

    def write(self, text: str) -> None:
        self._line = text.removesuffix("\r\n") + "\n"

    def __call__(self, cells: Sequence[str | None]) -> str:
        self._writer.writerow(cells)
        return self._line


def cells_of(row: str) -> dict[str, str | None]:
    """Return a row's values as cells: texts as they are, null as nothing, the rest as JSON."""
    values: dict[str, str | None] = orjson.loads(row)
    if all(value is None or isinstance(value, str) for value in values.values()):
        return values
    return _spelled(row)


def _spelled(row: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    at = _skip(row, row.index("{") + 1)
    while row[at] != "}":
        key, at = _DECODER.raw_decode(row, at)
        at = _skip(row, row.index(":", at) + 1)
        value, end = _DECODER.raw_decode(row, at)
        found[key] = value if value is None or isinstance(value, str) else row[at:end]
        at = _skip(row, end)
        at = _skip(row, at + 1) if row[at] == "," else at
    return found


def _skip(row: str, at: int) -> int:
    """Return the position of the first character from `at` that is no white space."""
    space = _SPACE.match(row, at)
    return space.end() if space else at


def encodable(value: Value) -> Value:
    """Return a value that any file can hold."""
    return sound(value) if isinstance(value, str) else value


def sound(text: str) -> str:
    """Replace half surrogates, which a provider may send and no file can hold."""
    return text.encode("utf-8", "replace").decode()
