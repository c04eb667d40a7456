"""Reads the JSON that pandas writes of a whole table, which is one object and not one for each row.

`DataFrame.to_json` writes columns by default. The other values of its argument ``orient`` that make
one object are ``index``, ``split`` and ``table``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any, Literal

Orient = Literal["columns", "index", "split", "table"]

Row = dict[str, Any]

_LABEL = re.compile(r"-?\d+")
_TABLE_KEYS = ({"schema", "data"}, {"schema", "data", "index"})
_SPLIT_KEYS = {"columns", "index", "data"}
# The first bytes of each form; only a file that begins so is read whole.
_LOOKS_LIKE_FRAME = re.compile(
    rb'\s*\{\s*"(?:schema"\s*:\s*\{\s*"fields"|columns"\s*:\s*\[|(?:[^"\\]|\\.)*"\s*:\s*\{\s*")'
)

# One object with fewer columns, or fewer rows in them, is taken for a row.
_GRID = 2
_LOOKS_LIKE_COLUMNS = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[')


def may_be_frame(head: bytes) -> bool:
    """Whether a file that begins with `head` may be a table written by pandas."""
    return _LOOKS_LIKE_FRAME.match(head) is not None


def may_be_columns(head: bytes) -> bool:
    """Whether a file that begins with `head` may be one object with a list for each column."""
    return _LOOKS_LIKE_COLUMNS.match(head) is not None


def orient_of(value: Any) -> Orient | None:
    """Returns the form in which `value` is a table; None if it is no table, or may not be one."""
    if not isinstance(value, dict) or not value:
        return None
    if value.keys() in _TABLE_KEYS and isinstance(value["schema"], dict):
        return "table" if "fields" in value["schema"] and _are_rows(value["data"]) else None
    if value.keys() == _SPLIT_KEYS:
        return "split" if _is_split(value) else None
    if not _are_alike(value):
        return None
    outer, inner = _are_labels(value), _are_labels(_first(value))
    if outer == inner:
        return None
    return "index" if outer else "columns"


def is_grid(value: Any) -> bool:
    """Whether a value is an object of several objects with the same keys, at least two.

    Or of several lists with the same number of items, at least two.
    """
    if (
        not isinstance(value, dict)
        or len(value) < _GRID
        or not (_are_alike(value) or _are_long(value))
    ):
        return False
    return len(_first(value)) >= _GRID


def _are_alike(value: Mapping[str, Any]) -> bool:
    """Whether all values of an object are objects, not empty, with the same keys."""
    first = _first(value)
    if not isinstance(first, dict) or not first:
        return False
    return all(isinstance(each, dict) and each.keys() == first.keys() for each in value.values())


def _are_long(value: Mapping[str, Any]) -> bool:
    """Whether all values of an object are lists with the same number of items."""
    first = _first(value)
    return isinstance(first, list) and all(
        isinstance(each, list) and len(each) == len(first) for each in value.values()
    )


def _first(value: Mapping[str, Any]) -> Any:
    return next(iter(value.values()))


def frame_rows(value: Mapping[str, Any], orient: Orient) -> Iterator[Row]:
    """Yields the rows of a table; an index that is not 0, 1, 2, … becomes the first column."""
    rows: Iterable[Row]
    match orient:
        case "table":
            return iter(value["data"])
        case "split":
            labels, columns = value["index"], value["columns"]
            rows = (dict(zip(columns, row, strict=True)) for row in value["data"])
        case "index":
            labels, columns = list(value), list(_first(value))
            rows = map(dict, value.values())
        case "columns":
            labels, columns = list(_first(value)), list(value)
            rows = ({name: column[label] for name, column in value.items()} for label in labels)
    return _with_index(rows, labels, columns)


def _with_index(
    rows: Iterable[Row], labels: Sequence[Any], columns: Sequence[str]
) -> Iterator[Row]:
    if all(str(label) == str(number) for number, label in enumerate(labels)):
        return iter(rows)
    names = chain(["index"], map("level_{}".format, count()))
    name = next(name for name in names if name not in columns)
    return ({name: label, **row} for label, row in zip(labels, rows, strict=True))


def _are_labels(value: Mapping[str, Any]) -> bool:
    """Whether the keys are whole numbers, as those of an index usually are."""
    return all(map(_LABEL.fullmatch, value))


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _is_split(value: Mapping[str, Any]) -> bool:
    columns, labels, data = value["columns"], value["index"], value["data"]
    if not all(isinstance(each, list) for each in (columns, labels, data)):
        return False
    if len(set(map(str, columns))) < len(columns) or len(labels) != len(data):
        return False
    return all(isinstance(name, str) for name in columns) and all(
        isinstance(row, list) and len(row) == len(columns) for row in data
    )
