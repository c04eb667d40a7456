"""Finds the line of a field in a TOML file, because the parser keeps no line numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

_FIELD = re.compile(r"\[(?P<table>.*?)\](?: (?P<rest>.*))?", re.DOTALL)
_HEADER = re.compile(r"\s*(?P<many>\[)?\[\s*(?P<name>[^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*(?P<name>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*\S+?)*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")

_Path = tuple[str | int, ...]


def line_of(text: str, field: str) -> int | None:
    """Returns the line, from 1, of `field` or else of the innermost table around it; or None.

    Args:
        text: The whole file.
        field: The field as errors name it, such as ``[groq.quotas.calls_per_day] unit`` or
            ``[groq] errors item 2``.
    """
    target, deepest = _path_of(field), 0
    nearest = None
    for number, path in _places(text):
        pairs = zip(target, path, strict=False)
        depth = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if depth > deepest:
            deepest, nearest = depth, number
    return nearest


def _path_of(field: str) -> _Path:
    match = _FIELD.fullmatch(field)
    if match is None:
        return ()
    rest = re.sub(r"\bitem (\d+)", r"\1", match["rest"] or "").split()
    return (*_parts(match["table"]), *(int(word) if word.isdigit() else word for word in rest))


def _places(text: str) -> Iterator[tuple[int, _Path]]:
    """Yields the line number and the path of each table header and key."""
    table: _Path = ()
    items = Counter[_Path]()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = _parts(header["name"])
            if header["many"]:
                items[table] += 1
                table = (*table, items[table])
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_parts(key["name"]))


def _parts(name: str) -> _Path:
    return tuple(part.strip("\"'") for part in _PART.findall(name))
