"""Compares column names by their Unicode normal form (NFC).

A name typed on a keyboard is composed (one character for ``é``); a name from macOS is often
decomposed (two characters). A row keeps the form that is in its file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any


def canonical(name: str) -> str:
    """Returns a name in Unicode's composed form (NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def canonical_keys(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a row with its keys in composed form; the same object if they are already."""
    if all(map(_is_canonical, row)):
        return row
    return {canonical(name): value for name, value in row.items()}


def spelling(name: str, columns: Iterable[str]) -> str | None:
    """Returns the form of a name that is among `columns`, or None when there is none."""
    composed = canonical(name)
    return next((column for column in columns if canonical(column) == composed), None)


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """Returns the value in the column `name`, or None."""
    if name in row or name.isascii():
        return row.get(name)
    return canonical_keys(row).get(canonical(name))


def _is_canonical(name: str) -> bool:
    return name.isascii() or unicodedata.is_normalized("NFC", name)
