"""What somebody else on the account takes of a day, learned from the provider's counts.

It is kept in stretches of two hours, for a week. How the pace allows for it, selection.py decides.
"""

from __future__ import annotations

from statistics import median_low

from runner.core.rolling import Amounts
from runner.core.time_units import DAY_MS, HOUR_MS

STRETCH_MS = 2 * HOUR_MS
DAYS = 7


def with_taken(others: Amounts, now: int, amount: int) -> Amounts:
    """Returns `others` after a count has shown that `amount` more was taken until `now`.

    A negative amount corrects the stretch: what had seemed somebody else's was a call in flight.
    """
    end = -(-now // STRETCH_MS) * STRETCH_MS
    kept = tuple(entry for entry in others if now - DAYS * DAY_MS < entry[0] < end)
    so_far = sum(taken for moment, taken in others if moment >= end)
    return (*kept, (end, so_far + amount)) if so_far + amount else kept


def usually_taken(others: Amounts, now: int, until: int) -> int:
    """Returns what is usually taken between `now` and `until`, at most a day later.

    It is the median of what was taken in the same hours of the past days, a week at most, from the
    first day on of which anything is known. A stretch counts by the part of it in those hours.
    """
    if not others:
        return 0
    known = min(DAYS, max(1, -(-(now - others[0][0] + STRETCH_MS) // DAY_MS)))
    days = range(1, known + 1)
    taken = [_between(others, now - d * DAY_MS, until - d * DAY_MS) for d in days]
    return max(0, median_low(taken))


def _between(others: Amounts, begin: int, end: int) -> int:
    overlaps = (
        (taken, max(0, min(end, moment) - max(begin, moment - STRETCH_MS)))
        for moment, taken in others
    )
    return sum(taken * overlap for taken, overlap in overlaps) // STRETCH_MS
