"""Pacing: when the next call may start if a budget is spread over the time left.

The budget comes from quota.py; selection.py decides whether to spread it at all.
"""

from __future__ import annotations

from enum import StrEnum

from runner.core.hours import Hours
from runner.core.others import usually_taken
from runner.core.rolling import Amounts

# The last call of a rationed day starts this long before the reset, so that a slow reply or a
# retry still counts for that day.
SAFETY_MS = 10 * 60_000


class Pace(StrEnum):
    """How to spend a day's budget."""

    AUTO = "auto"  # ration only when the work does not fit the budget
    ASAP = "asap"  # never ration
    EVEN = "even"  # always ration


def left_to_others(others: Amounts, left: int, now: int, resets_at: int) -> int:
    """Returns how much of `left` the pace leaves to others: what they usually take until the reset.

    That shrinks with the time left, so what they do not take is spent before the reset. It is half
    of what is left at most: slower calls would only let them take more.
    """
    return min(usually_taken(others, now, resets_at), left // 2)


def next_start(
    *,
    budget: int,
    last_start: int | None,
    resets_at: int,
    now: int,
    hours: Hours | None = None,
) -> int:
    """Returns the moment from which the next call may start (ms since the epoch).

    The gap between two starts is ``(time left) / (budget + 1)``, computed anew at every call, so
    that a day with failures, pauses or somebody else's calls still ends with the budget spent. Only
    the time within the user's hours counts as left.

    Args:
        budget: The number of calls that may still be made before `resets_at`.
        last_start: When the latest call started; None if none has.
        resets_at: When the budget is renewed.
        now: The present moment.
        hours: When calls may start; None for always.
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
    expiries: Amounts,
    spent: int,
    price: int,
    last_start: int | None,
    now: int,
    hours: Hours | None = None,
) -> int | None:
    """Returns the moment from which the next call may start so that nothing expires unspent.

    Each part that expires is spread until its expiry, together with those that expire before it;
    the earliest start decides. None if nothing will expire: then there is no reason to wait.

    Args:
        expiries: The amounts that expire, in the form of `Window.expiries`.
        spent: The amount spent or reserved.
        price: The price of a call, in the same unit.
        last_start: When the latest call started; None if none has.
        now: The present moment.
        hours: When calls may start; None for always.
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
