"""How a budget is spread over the time left: when the next call may start.

It knows budgets and moments; what the budget is, quota.py says.
"""

from __future__ import annotations

from enum import StrEnum

# The last call of a rationed day starts this long before the reset, so that a slow reply or a
# retry still falls into the day it was meant for.
SAFETY_MS = 10 * 60_000


class Pace(StrEnum):
    """How to spend a day's budget."""

    AUTO = "auto"  # ration only when the work does not fit the budget
    ASAP = "asap"  # never ration
    EVEN = "even"  # always ration


def next_start(
    pace: Pace,
    *,
    budget: int | None,
    waiting: int,
    last_start: int | None,
    resets_at: int,
    now: int,
) -> int:
    """The moment from which the next call may start (ms since the epoch).

    Rationing leaves ``(time left) / budget`` between two starts, planned anew at every call, so
    that a day with failures, pauses or a stranger's calls still ends with nothing left over.

    Args:
        pace: How to spend the budget.
        budget: Calls that may still be made before `resets_at`; None when no limit is known.
        waiting: Jobs that wait for a call.
        last_start: When the latest call started; None if none has.
        resets_at: When the budget is renewed.
        now: The present moment.
    """
    if not rationed(pace, budget=budget, waiting=waiting) or last_start is None:
        return now
    time_left = max(0, resets_at - SAFETY_MS - last_start)
    return max(now, last_start + time_left // ((budget or 0) + 1))


def rationed(pace: Pace, *, budget: int | None, waiting: int) -> bool:
    """Whether calls are spread over the day."""
    match pace:
        case _ if budget is None or pace is Pace.ASAP:
            return False
        case Pace.EVEN:
            return True
        case _:
            return waiting > budget
