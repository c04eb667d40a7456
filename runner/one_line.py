"""Tells whether a text is one line, whatever language it is written in."""

from __future__ import annotations

import unicodedata

_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})  # categories that a line must not contain


def is_one_line(text: str) -> bool:
    """Whether a text is one line; zero-width joiners and unusual spaces are allowed."""
    return text.isprintable() or _BREAKING.isdisjoint(map(unicodedata.category, text))
