"""What the credits at hand pay for, until when, and how a balance goes on if somebody logs in.

A forecast supposes that somebody logs in as soon as the last grant has expired, and every day from
then on. When a grant was given is grants.py's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from runner.core.demand import Rules
from runner.core.grants import DAY_MS
from runner.core.pacing import Pace
from runner.core.period import Grant
from runner.core.route import Route, RouteState
from runner.core.window import NEVER, Unit, Window

DailyGrants = Mapping[str, int]
"""By account: the credits that it is granted each day, if somebody logs in, in thousandths."""
NO_GRANTS: DailyGrants = MappingProxyType({})


def paid_calls(states: Mapping[Route, RouteState]) -> int | None:
    """How many calls the credits at hand pay for; None where an account counts none."""
    return _calls_of_accounts(states, lambda window: window.unit is Unit.CREDITS)


def covered_calls(states: Mapping[Route, RouteState], grants: DailyGrants) -> int | None:
    """How many calls are covered by balances that nothing fills up; None: any number."""

    def never_filled(window: Window) -> bool:
        filled = window.unit is Unit.CREDITS and bool(grants.get(window.account))
        return isinstance(window.period, Grant) and not filled

    return _calls_of_accounts(states, never_filled)


def _calls_of_accounts(
    states: Mapping[Route, RouteState], binds: Callable[[Window], bool]
) -> int | None:
    """How many calls some windows have room for, on the dearest way of each account."""
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
    """When the credits at hand, which pay for `paid` calls, will be spent or expired.

    What expires is spread until then, unless calls go as fast as they can. What lasts is not.
    """
    takes = paid * call_ms
    full_speed = rules.hours.after(now, takes) if rules.hours else now + takes
    balances = {w for state in states.values() for w in state.windows if w.unit is Unit.CREDITS}
    last = max((w.expiries[-1][0] for w in balances if w.expiries), default=now)
    lasting = any(not w.expiries or w.expiries[-1][1] < (w.limit or 0) for w in balances)
    if paid == 0 or last <= now or (lasting and rules.pace is Pace.ASAP):
        return full_speed
    if rules.pace is Pace.ASAP:
        return min(full_speed, last)
    return max(full_speed, last) if lasting else last


def foreseen(window: Window, now: int, daily: int) -> Window:
    """A window of credits as a forecast begins; it ends when something expires or is granted."""
    if window.limit is None:
        return window
    if window.expiries and window.expiries[-1][0] > now:
        return _until_next(window, now)
    return regranted(window, now, daily)


def regranted(window: Window, at: int, daily: int) -> Window:
    """`window` without what expires until `at`; with a new grant if the last one has expired."""
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
    """A window of credits in which a day's grant is all there is, and nothing is spent."""
    if window.limit is None or not daily:
        return window
    return replace(window, limit=daily, spent=0, reserved=0)
