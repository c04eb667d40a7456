"""Messages about wrong values and mistyped names, and the error that carries them to Pydantic."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_core import PydanticCustomError

from runner.language import _

PROBLEM_TYPE = "refused"
"""Pydantic's error type of every problem raised by our own validators."""


def problem(message: str, remedy: str = _("correct the value")) -> PydanticCustomError:
    """Return the error that a validator raises; Pydantic adds the place of the value.

    Braces in the message are not taken for Pydantic's placeholders.
    """
    return PydanticCustomError(PROBLEM_TYPE, "{message}", {"message": message, "remedy": remedy})


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name`, ignoring case, or None when none is close."""
    folded = {word.strip().casefold(): word for word in known}
    matches = get_close_matches(name.strip().casefold(), folded, n=1)
    return folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return ``did you mean "user"?`` when some known name is close to `name`, else None."""
    near = nearest(name, known)
    return _('did you mean "{near}"?').format(near=near) if near else None


def listed(names: Iterable[str]) -> str:
    """Return the names in quotes, joined by commas, in the order given."""
    return ", ".join(f'"{name}"' for name in names)
