"""The reader of numbers in requests; it does not know what they count."""

from __future__ import annotations

MOST_DIGITS = 15


def number_of(text: str) -> int | None:
    """Parses a non-negative whole number of up to `MOST_DIGITS` digits; None if it is not one."""
    fits = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return int(text) if fits else None
