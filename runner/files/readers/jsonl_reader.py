"""Reads JSON Lines: validates each line, and yields it unchanged as a row."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import orjson

from runner import column_names, exact_json
from runner.files.readers.lines import ReportError
from runner.language import _, gettext_noop

MAX_COLUMNS = 10_000
"""The most different keys in all rows together; more would fill the memory."""

_MAX_DEPTH = 200  # orjson can write values that are nested up to 254 deep

# What Python and many other programs write for floats that JSON does not have. A whole string is
# matched first, and kept.
_CONSTANT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\w.])(?:(NaN)|([-+]?)Infinity)(?![\w.])')

RowCheck = Callable[[dict[str, Any]], str | None]
"""Called with the values of a row; returns the error in it, or None."""

_NOUNS = {
    list: gettext_noop("a list"),
    str: gettext_noop("a text"),
    bool: gettext_noop("true or false"),
    int: gettext_noop("a number"),
    float: gettext_noop("a number"),
}


class TooManyColumnsError(ValueError):
    """The rows have more than `MAX_COLUMNS` different keys."""


class JsonLines:
    """The rows of a JSON Lines file, in one pass; blank lines are skipped.

    Attributes:
        line: The number of the last line read by `validate`.
        has_constants: Whether `validate` has read a NaN or an infinity.
        wrapper: The key of a list of objects in an invalid row, which may be the rows meant.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._columns: dict[str, None] = {}
        self.line = 0
        self.has_constants = False
        self.wrapper: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the rows validated so far, in order of first appearance."""
        return tuple(self._columns)

    def validate(
        self, report: ReportError, required: frozenset[str], row_check: RowCheck | None = None
    ) -> Iterator[None]:
        """Yields once for each valid row, and reports each invalid one.

        Args:
            report: Called for each invalid row.
            required: The keys that every row must have.
            row_check: Called with each row that is otherwise valid; returns an error or None.

        Raises:
            TooManyColumnsError: The rows have too many different keys.
        """
        columns = self._columns.keys()
        for number, line in enumerate(self._lines, 1):
            self.line = number
            text = line.strip()
            if not text:
                continue
            row, error = _parse(text)
            if error and row_check is None and (standard := _standard(text)) != text:
                row, error = _parse(standard)
                self.has_constants = True
            if not row.keys() <= columns:
                self._add_columns(row)
            error = error or _key_error(row, required)
            if not error and row_check:
                error = row_check(row)
            if error:
                self.wrapper = self.wrapper or _wrapper(row)
                report(number, error)
            else:
                yield None

    def json_rows(self, start: int, *, constants: bool = False) -> Iterator[str]:
        """Yields the text of each row from number `start`, stripped.

        Args:
            start: The number of the first row to yield, from 0.
            constants: Whether NaN becomes null, and an infinity the text ``Infinity``.
        """
        rows = islice(filter(None, map(str.strip, self._lines)), start, None)
        return map(_standard, rows) if constants else rows

    def _add_columns(self, row: dict[str, Any]) -> None:
        self._columns.update(dict.fromkeys(row))
        if len(self._columns) > MAX_COLUMNS:
            raise TooManyColumnsError


def _wrapper(row: dict[str, Any]) -> str | None:
    """Returns the only key whose value is a list of objects, as in ``{"data": [{…}, …]}``."""
    lists = [key for key, value in row.items() if isinstance(value, list) and value]
    keys = [key for key in lists if all(isinstance(item, dict) for item in row[key])]
    return keys[0] if len(keys) == 1 else None


def is_object(text: bytes) -> bool:
    """Whether bytes are a whole JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _standard(text: str) -> str:
    """Returns a line with NaN and infinities replaced by values that JSON has."""
    if "NaN" not in text and "Infinity" not in text:
        return text
    return _CONSTANT.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    if found[1]:
        return "null"
    return found[0] if found[2] is None else f'"{found[2].replace("+", "")}Infinity"'


def _parse(text: str) -> tuple[dict[str, Any], str | None]:
    """Returns the object in `text`, empty if there is none, and its error, or None."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:  # perhaps a number too large for a float, or a lone surrogate
        try:
            value = exact_json.loads(text)
        except orjson.JSONDecodeError as error:
            return {}, _("this is not JSON: {msg} at column {column}").format(
                msg=error.msg, column=error.colno
            )
    if not isinstance(value, dict):
        return {}, _("this is {noun}, not a JSON object").format(
            noun=_(_NOUNS.get(type(value), "null"))
        )
    if text.count("{") + text.count("[") > _MAX_DEPTH and _is_deep(value):
        return {}, _("lists and objects are nested more than {most} deep").format(most=_MAX_DEPTH)
    return value, _repeated_key(text, value)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _level in range(_MAX_DEPTH):
        items = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for some in items for item in some if isinstance(item, dict | list)]
    return bool(level)


def _repeated_key(text: str, row: dict[str, Any]) -> str | None:
    """Returns the error about a key that appears twice in an object, or None.

    Outside of strings, JSON has a colon only after a key. So no key is repeated when the number of
    colons after a quote equals the number of different keys, and no colon follows white space.
    Otherwise the text is parsed again, which is slower.
    """
    if text.count('":') == _count_keys(row) and not (
        " :" in text or "\t:" in text or "\r:" in text
    ):
        return None
    try:
        json.loads(text, object_pairs_hook=_refuse_repeated, parse_int=str, parse_float=str)
    except _RepeatedError as repeated:
        return _("the key {key} appears twice").format(
            key=json.dumps(repeated.args[0], ensure_ascii=False)
        )
    return None


def _count_keys(value: dict[str, Any] | list[Any]) -> int:
    """Returns the total number of keys in all objects of a value."""
    count, items = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    for item in items:
        if isinstance(item, dict | list):
            count += _count_keys(item)
    return count


class _RepeatedError(ValueError):
    """A key appears twice in an object; the argument is the key."""


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _value in pairs:
        if key in seen:
            raise _RepeatedError(key)
        seen.add(key)


def _key_error(row: dict[str, Any], required: frozenset[str]) -> str | None:
    if not required <= row.keys() and not required <= column_names.canonical_keys(row).keys():
        names = ", ".join(f'"{name}"' for name in sorted(required - row.keys()))
        return _("the row lacks {names}").format(names=names)
    return _("a key is empty") if "" in row else None
