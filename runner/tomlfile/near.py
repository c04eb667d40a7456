"""Which known name a mistyped name was probably meant to be.

It refuses to know what the names stand for: keys, tables and columns are all just words here.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name` whatever its case, or None when none is close."""
    folded = {word.strip().casefold(): word for word in known}
    matches = get_close_matches(name.strip().casefold(), folded, n=1)
    return folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return ``did you mean "user"?`` when some known name is close to `name`."""
    near = nearest(name, known)
    return f'did you mean "{near}"?' if near else None


def listed(names: Iterable[str]) -> str:
    """Return the names quoted and joined by commas, in the order given."""
    return ", ".join(f'"{name}"' for name in names)
