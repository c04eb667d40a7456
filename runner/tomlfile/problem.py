"""Builds messages about wrong values and mistyped names, and the Pydantic errors with them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_core import PydanticCustomError

from runner.language import _

PROBLEM_TYPE = "refused"
"""The error type of problems that our own validators raise."""


def problem(message: str, remedy: str = _("correct the value")) -> PydanticCustomError:
    """Returns the error for a validator to raise; Pydantic adds the place of the value.

    The message is a parameter, so that Pydantic does not interpret braces in it.
    """
    return PydanticCustomError(PROBLEM_TYPE, "{message}", {"message": message, "remedy": remedy})


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that is most similar to `name`, ignoring case; None if none is."""
    folded = {word.strip().casefold(): word for word in known}
    matches = get_close_matches(name.strip().casefold(), folded, n=1)
    return folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Returns ``did you mean "user"?`` for the known name most similar to `name`, or None."""
    near = nearest(name, known)
    return _('did you mean "{near}"?').format(near=near) if near else None


def listed(names: Iterable[str]) -> str:
    """Returns the names in quotes, joined by commas, in the order given."""
    return ", ".join(f'"{name}"' for name in names)
