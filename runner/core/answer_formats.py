"""When a type of ``response_format`` that a model has refused is tried again.

Refusals are detected in providers/call_result.py.
"""

from __future__ import annotations

from datetime import UTC, datetime

# The wait before it is tried again, in ms: servers are updated, and an attempt costs one call.
RETRY_MS = 14 * 24 * 3600 * 1000


def retried_at(refused_at: int, as_of: str) -> int:
    """Returns the moment from which one call tries a refused type again (ms since the epoch).

    Args:
        refused_at: When the model refused it (ms since the epoch).
        as_of: The month of the preset's facts, YYYY-MM; empty if it names none. Facts that are
            newer than the refusal take precedence.
    """
    later = refused_at + RETRY_MS
    if not as_of:
        return later
    year, month = map(int, as_of.split("-"))
    stated_at = int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
    return min(later, stated_at) if stated_at > refused_at else later
