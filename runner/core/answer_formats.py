"""When a model that has refused a type of ``response_format`` is asked for it again.

It knows moments; what a refusal looks like, `providers/call_result.py` says.
"""

from __future__ import annotations

from datetime import UTC, datetime

# Servers are updated: a try costs one call in so many ms.
RETRY_MS = 14 * 24 * 3600 * 1000


def retried_at(refused_at: int, as_of: str) -> int:
    """The moment from which one call tries a type again that was refused at `refused_at`.

    Args:
        refused_at: When the model refused it (ms since the epoch).
        as_of: The month of which the preset's facts are, YYYY-MM; empty if it names none. Facts
            that are newer than the refusal count more than it does.
    """
    later = refused_at + RETRY_MS
    if not as_of:
        return later
    year, month = map(int, as_of.split("-"))
    told_at = int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
    return min(later, told_at) if told_at > refused_at else later
