"""What the messages about different rows have in common."""

from __future__ import annotations

import re

# What differs between two messages that say the same: numbers, and what is quoted.
_PARTICULARS = re.compile(r"\d+|\"[^\"]*\"|'[^']*'|`[^`]*`")


def pattern_of(message: str) -> str:
    """What messages have in common that say the same of different rows."""
    return _PARTICULARS.sub("#", message)
