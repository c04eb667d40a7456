"""How a check of ours tells Pydantic that a value is wrong.

It refuses to know which value: Pydantic notes the place, and `faults` words the whole.
"""

from __future__ import annotations

from pydantic_core import PydanticCustomError

KIND = "refused"
"""Pydantic's type of every problem made here."""


def problem(message: str, remedy: str = "correct the value") -> PydanticCustomError:
    """Wrap a message, so that braces in it are not taken for Pydantic's placeholders."""
    return PydanticCustomError(KIND, "{message}", {"message": message, "remedy": remedy})
