"""How the amounts of a window grow, are renewed and make room again, by the kind of its period."""

from __future__ import annotations

from dataclasses import replace

from runner.core import rolling
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.window import Cost, LimitRecheck, Window


def refreshed(window: Window, now: int) -> Window:
    """Returns `window` with what was renewed continuously until `now`."""
    match window.period:
        case Rolling(ms):
            if not window.recent or window.recent[0][0] > now - ms:
                return window
            recent = rolling.within(window.recent, now - ms)
            return replace(window, recent=recent, spent=rolling.total(recent))
        case Refill(ms) if window.limit is not None:
            spent, exact = rolling.leaked(window.spent, window.counted_at, window.limit, ms, now)
            return replace(window, spent=spent, counted_at=exact)
        case Refill() | Calendar() | Grant():
            return window


def spent_with(window: Window, amount: int, now: int) -> tuple[int, rolling.Amounts]:
    """Returns `spent` and `recent` of `window` after `amount` was spent at `now`.

    A negative amount was given back.
    """
    match window.period:
        case Rolling(ms):
            recent = rolling.add(window.recent, now, amount, rolling.grain(ms))
            return rolling.total(recent), recent
        case Calendar() | Refill() | Grant():
            return max(0, window.spent + amount), window.recent


def spend(window: Window, amount: int, now: int) -> Window:
    """Returns `window` after `amount` was spent at `now`, or given back if it is negative."""
    spent, recent = spent_with(window, amount, now)
    return replace(window, spent=spent, recent=recent)


def corrected(window: Window, charged: int, reported: int, now: int, *, probe: bool) -> Window:
    """Returns `window` after a call for `charged` whose reply `reported` the total spent.

    In a rolling period a call counts from its own end on, whatever was reported: older calls may
    have left the provider's window and not yet ours. The part of the total that exceeds the calls
    known here, with those in flight, is somebody else's.

    The count of a `probe`, which was alone in flight, is exact; any other can only raise ours.
    """
    if not window.period.slides:
        more = reported - window.spent
        return spend(window, more if probe else max(0, more), now)
    window = spend(window, charged, now)
    beyond = reported - window.spent - window.reserved
    if beyond < 0 and probe:
        recent = rolling.drop_oldest(window.recent, -beyond)
        return replace(window, recent=recent, spent=rolling.total(recent))
    return spend(window, max(0, beyond), now)


def room_at(window: Window, cost: Cost, now: int) -> int | None:
    """Returns when a full `window` will have room for a call by itself; None: when calls end."""
    bound = (window.limit or 0) - window.reserve_left - window.cost_of(cost)
    match window.period:
        case Rolling(ms):
            return rolling.time_until_at_most(window.recent, bound - window.reserved, ms)
        case Refill(ms):
            excess = window.spent + window.reserved - bound
            if window.reserved > bound or not window.limit:
                return None
            return window.counted_at + -(-excess * ms // window.limit)
        case Calendar() if (
            window.limit_recheck is LimitRecheck.AHEAD and now < window.limit_recheck_at
        ):
            return window.limit_recheck_at
        case Calendar() | Grant():
            return max(window.resets_at, now + 1)
