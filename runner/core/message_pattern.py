"""The common pattern of error messages about different rows."""

from __future__ import annotations

import re

# What differs between two messages with the same meaning: quoted text, numbers, and words with
# digits in them, such as the ids of requests.
_QUOTED = r"\"[^\"]*\"|'[^']*'|`[^`]*`"
_WITH_DIGITS = r"(?<![\w-])(?=[a-z_-]*\d)[\w-]+|\d+"
_PARTICULARS = re.compile(f"{_QUOTED}|{_WITH_DIGITS}", re.IGNORECASE)


def pattern_of(message: str) -> str:
    """Returns `message` without its particulars: equal for the same error of different rows."""
    return _PARTICULARS.sub("#", message)
