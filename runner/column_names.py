"""Compares the names of columns: canonically equivalent spellings of Unicode are one name.

A name typed on a keyboard is composed (one character for ``é``); one from a file of macOS is often
decomposed (two). A row keeps the spelling of its file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any


def canonical(name: str) -> str:
    """Return a name in Unicode's composed form (NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def canonical_keys(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with its keys in composed form; the row itself when they are."""
    if all(map(_is_canonical, row)):
        return row
    return {canonical(name): value for name, value in row.items()}


def spelling(name: str, columns: Iterable[str]) -> str | None:
    """Return a name as `columns` spell it, or None when it is not one of them."""
    wanted = canonical(name)
    return next((column for column in columns if canonical(column) == wanted), None)


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """Return the value in the column `name`, or None."""
    if name in row or name.isascii():
        return row.get(name)
    return canonical_keys(row).get(canonical(name))


def _is_canonical(name: str) -> bool:
    return name.isascii() or unicodedata.is_normalized("NFC", name)
