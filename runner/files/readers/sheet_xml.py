"""Finds what openpyxl does not tell of a worksheet: formulas without values, and merged cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

_CHUNK = 1 << 20
_OVERLAP = 1 << 17  # bytes; more than a cell with a formula, which has at most 8,192 characters
# A cell with a formula and without a value. Its attributes are the first group.
_NO_VALUE = re.compile(
    rb"<(?:\w+:)?c ([^>]*)>\s*<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_PLACE = re.compile(rb'\br="([A-Z]+\d+)"')
_TEXT = re.compile(rb'\bt="str"')  # the value of a formula may be the empty text
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell [^>]*\bref="([A-Z0-9:]+)"')


class _Xml(Protocol):
    def read(self, size: int, /) -> bytes: ...


def inspect(xml: _Xml) -> tuple[str | None, tuple[str, ...]]:
    """Returns a cell whose formula was never calculated, and the merged ranges.

    The cell, as in ``B2``, is the first of its kind; None if there is none.
    """
    uncalculated: str | None = None
    merged: dict[str, None] = {}
    for part in _parts(xml):
        if uncalculated is None:
            uncalculated = next(_uncalculated(part), None)
        merged |= dict.fromkeys(match[1].decode() for match in _MERGE.finditer(part))
    return uncalculated, tuple(merged)


def _uncalculated(part: bytes) -> Iterator[str]:
    for cell in _NO_VALUE.finditer(part):
        if not _TEXT.search(cell[1]):
            yield place[1].decode() if (place := _PLACE.search(cell[1])) else "?"


def _parts(xml: _Xml) -> Iterator[bytes]:
    """Yields the text in pieces that overlap, so that every cell is whole in one of them."""
    rest = b""
    while chunk := xml.read(_CHUNK):
        part = rest + chunk
        yield part
        rest = part[-_OVERLAP:]
