"""The common pattern of error messages about different rows."""

from __future__ import annotations

import re

# What differs between two messages with the same meaning: numbers and quoted text.
_PARTICULARS = re.compile(r"\d+|\"[^\"]*\"|'[^']*'|`[^`]*`")


def pattern_of(message: str) -> str:
    """Returns `message` without its particulars: equal for the same error of different rows."""
    return _PARTICULARS.sub("#", message)
