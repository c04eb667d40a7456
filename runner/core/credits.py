"""Forecasts of credits: the calls that they pay for, until when, and the grants to come.

A forecast assumes that somebody logs in as soon as the last grant has expired, and every day from
then on. The estimates of past grants are in grants.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from runner.core.calendar import NEVER
from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.route import Route, RouteState
from runner.core.time_units import DAY_MS
from runner.core.window import Unit, Window

DailyGrants = Mapping[str, int]
"""By account: the credits that it is granted each day, if somebody logs in, in thousandths."""
NO_GRANTS: DailyGrants = MappingProxyType({})


def paid_calls(states: Mapping[Route, RouteState]) -> int | None:
    """Returns how many calls the present credits pay for; None if an account counts no credits."""
    return _calls_of_accounts(states, lambda window: window.unit is Unit.CREDITS)


def covered_calls(states: Mapping[Route, RouteState], grants: DailyGrants) -> int | None:
    """Returns how many calls are covered by balances without daily grants; None for any number."""

    def never_filled(window: Window) -> bool:
        filled = window.unit is Unit.CREDITS and bool(grants.get(window.account))
        return window.period.granted and not filled

    return _calls_of_accounts(states, never_filled)


def _calls_of_accounts(
    states: Mapping[Route, RouteState], binds: Callable[[Window], bool]
) -> int | None:
    """Returns how many calls the windows that `binds` selects allow; None if a route has none.

    An account counts with its most expensive route.
    """
    accounts: dict[str, int] = {}
    for (account, _model), state in states.items():
        own = [w.calls_left(state.cost) for w in state.windows if binds(w)]
        known = [left for left in own if left is not None]
        if not known:
            return None
        accounts[account] = min([*known, accounts.get(account, known[0])])
    return sum(accounts.values()) if states else None


def paid_until(
    paid: int, states: Mapping[Route, RouteState], rules: Rules, now: int, call_ms: int
) -> int:
    """Returns when the present credits, which pay for `paid` calls, will be spent or expired.

    Unless the pace is `ASAP`, credits that expire are spread until then, and others are not.
    """
    duration = paid * call_ms
    full_speed = rules.hours.after(now, duration) if rules.hours else now + duration
    balances = {w for state in states.values() for w in state.windows if w.unit is Unit.CREDITS}
    last = max((w.expiries[-1][0] for w in balances if w.expiries), default=now)
    lasting = any(not w.expiries or w.expiries[-1][1] < (w.limit or 0) for w in balances)
    if paid == 0 or last <= now or (lasting and rules.pace is Pace.ASAP):
        return full_speed
    if rules.pace is Pace.ASAP:
        return min(full_speed, last)
    return max(full_speed, last) if lasting else last


def foreseen(window: Window, now: int, daily: int) -> Window:
    """Returns a window of credits at the start of a forecast, up to the next expiry or grant."""
    if window.limit is None:
        return window
    if window.expiries and window.expiries[-1][0] > now:
        return _until_next(window, now)
    return regranted(window, now, daily)


def regranted(window: Window, at: int, daily: int) -> Window:
    """Returns `window` after what expires by `at`, with a new grant if the last one has expired."""
    if window.limit is None:
        return window
    spent = max([window.spent, *(amount for moment, amount in window.expiries if moment <= at)])
    spent = min(spent, window.limit)
    if window.expiries and window.expiries[-1][0] > at:
        return _until_next(replace(window, spent=spent), at)
    granted = ((at + DAY_MS, spent + daily),) if daily else ()
    limit = window.limit + daily
    return _until_next(replace(window, limit=limit, spent=spent, expiries=granted), at)


def _until_next(window: Window, now: int) -> Window:
    ends = [moment for moment, _ in window.expiries if moment > now]
    return replace(window, resets_at=min(ends, default=NEVER))


def of_a_day(window: Window, daily: int) -> Window:
    """Returns a window of credits whose limit is one day's grant, with nothing spent."""
    if window.limit is None or not daily:
        return window
    return replace(window, limit=daily, spent=0, reserved=0)
