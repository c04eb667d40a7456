"""How a budget is spread over the time left: when the next call may start.

It knows budgets and moments; what the budget is, quota.py says, and whether to spread it at all,
admission.py.
"""

from __future__ import annotations

from enum import StrEnum

from runner.core.hours import Hours
from runner.core.rolling import Recent

# The last call of a rationed day starts this long before the reset, so that a slow reply or a
# retry still falls into the day it was meant for.
SAFETY_MS = 10 * 60_000


class Pace(StrEnum):
    """How to spend a day's budget."""

    AUTO = "auto"  # ration only when the work does not fit the budget
    ASAP = "asap"  # never ration
    EVEN = "even"  # always ration


def next_start(
    *,
    budget: int,
    last_start: int | None,
    resets_at: int,
    now: int,
    hours: Hours | None = None,
) -> int:
    """The moment from which the next call may start (ms since the epoch).

    Rationing leaves ``(time left) / (budget + 1)`` between two starts, planned anew at every
    call, so that a day with failures, pauses or a stranger's calls still ends with nothing left
    over. Only the time within the user's hours counts as left.

    Args:
        budget: Calls that may still be made before `resets_at`.
        last_start: When the latest call started; None if none has.
        resets_at: When the budget is renewed.
        now: The present moment.
        hours: When calls may start; None: always.
    """
    if last_start is None:
        return now
    end = max(last_start, resets_at - SAFETY_MS)
    if hours is None:
        return max(now, last_start + (end - last_start) // (budget + 1))
    gap = hours.usable_ms(last_start, end) // (budget + 1)
    return max(now, hours.after(last_start, gap))


def next_before_expiry(
    *,
    expiries: Recent,
    spent: int,
    price: int,
    last_start: int | None,
    now: int,
    hours: Hours | None = None,
) -> int | None:
    """The moment from which the next call may start if nothing is to expire unspent.

    Each part that expires is spread until then, together with those that expire before it; the
    one that is most in a hurry decides. What does not expire is no reason to wait for anything.

    Args:
        expiries: What expires when, as `Window.expiries` has it.
        spent: What is spent or reserved.
        price: What a call costs.
        last_start: When the latest call started; None if none has.
        now: The present moment.
        hours: When calls may start; None: always.
    """
    starts = [
        next_start(
            budget=-(-(amount - spent) // price),
            last_start=last_start,
            resets_at=moment,
            now=now,
            hours=hours,
        )
        for moment, amount in expiries
        if amount > spent
    ]
    return min(starts, default=None)
