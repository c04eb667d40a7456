"""How lines of JSON become rows.

It knows nothing of files, and changes no row: what a line says is handed on as it is spelled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import orjson

MAX_COLUMNS = 10_000
"""Rows with more different keys than this are no table, and would fill the memory."""

Complain = Callable[[int, str], None]
"""Called with the number of a line, and what is wrong with its row."""

_NOUNS = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class TooManyColumnsError(ValueError):
    """The rows have more than `MAX_COLUMNS` different keys."""


class Objects:
    """The rows of a JSON Lines file, in one pass; blank lines are skipped.

    Attributes:
        line: The number of the last line read by `checked`.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._columns: dict[str, None] = {}
        self.line = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the rows checked so far, in order of first appearance."""
        return tuple(self._columns)

    def checked(self, complain: Complain, required: frozenset[str]) -> Iterator[None]:
        """Yield once for each good row; `complain` hears of each broken one.

        Raises:
            TooManyColumnsError: the rows are no table.
        """
        columns = self._columns.keys()
        for number, line in enumerate(self._lines, 1):
            self.line = number
            text = line.strip()
            if not text:
                continue
            row, fault = _parsed(text)
            if not row.keys() <= columns:
                self._learn(row)
            if fault := fault or _fault(row, required):
                complain(number, fault)
            else:
                yield None

    def texts(self, start: int) -> Iterator[str]:
        """Yield the text of each row from number `start`, stripped."""
        return islice(filter(None, map(str.strip, self._lines)), start, None)

    def _learn(self, row: dict[str, Any]) -> None:
        self._columns.update(dict.fromkeys(row))
        if len(self._columns) > MAX_COLUMNS:
            raise TooManyColumnsError


def _parsed(text: str) -> tuple[dict[str, Any], str | None]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {}, f"this is not JSON: {error.msg} at column {error.colno}"
    if isinstance(value, dict):
        return value, _repeated(text, value)
    return {}, f"this is {_NOUNS.get(type(value), 'null')}, not a JSON object"


def _repeated(text: str, row: dict[str, Any]) -> str | None:
    """Return the fault of an object in which a key appears twice, or None.

    In JSON a colon stands behind each key, and outside texts nowhere else. So where as many
    colons follow a quote as there are different keys, and none a space, no key is repeated.
    """
    if text.count('":') == _keys(row) and not any(map(text.__contains__, (" :", "\t:", "\r:"))):
        return None
    try:
        json.loads(text, object_pairs_hook=_unrepeated)
    except _RepeatedError as repeated:
        return f"the key {json.dumps(repeated.args[0], ensure_ascii=False)} appears twice"
    return None


def _keys(value: Any) -> int:
    """Return how many keys all the objects in a value have together."""
    if isinstance(value, dict):
        nested = sum(_keys(item) for item in value.values() if isinstance(item, dict | list))
        return len(value) + nested
    return sum(_keys(item) for item in value if isinstance(item, dict | list))


class _RepeatedError(ValueError):
    """An object has a key twice."""


def _unrepeated(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedError(key)
        seen.add(key)


def _fault(row: dict[str, Any], required: frozenset[str]) -> str | None:
    if not required <= row.keys():
        names = ", ".join(f'"{name}"' for name in sorted(required - row.keys()))
        return f"the row lacks {names}"
    return "a key is empty" if "" in row else None
