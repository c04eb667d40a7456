"""How many calls a batch needs, on which days, and when it will be finished.

It reckons with the functions that schedule: rooms of windows, paces and hours; it knows no
database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from runner.core.demand import Rules
from runner.core.pacing import SAFETY_MS, Pace
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.route import Route, RouteState, room_of
from runner.core.window import NEVER, Window, span_of

# What a call takes and how many run at once, when nothing was measured yet.
USUAL_CALL_MS = 1_500
USUAL_CONCURRENCY = 4
# After so many periods the rest is reckoned from their average.
ENOUGH_PERIODS = 70

RouteStates = Mapping[Route, RouteState]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What finishing takes.

    Attributes:
        calls: Calls still to be made, one a job.
        days: Days of allowance they touch, today included; 0 if they can never be made.
        finish_at: When the last result is expected (ms since the epoch).
        per_day: Calls an untouched day allows; None when no limit is known.
        today: Calls today's windows still allow; None when no limit is known.
        beyond: Calls that no balance covers, or that the user does not allow.
    """

    calls: int
    days: int
    finish_at: int
    per_day: int | None
    today: int | None
    beyond: int = 0


def forecast(
    calls: int,
    states: RouteStates,
    rules: Rules,
    now: int,
    call_ms: int = USUAL_CALL_MS // USUAL_CONCURRENCY,
    most: int | None = None,
) -> Forecast:
    """When `calls` calls will be done.

    Args:
        calls: Calls to make, before retries.
        states: The ways they may take, with their windows as they are now.
        rules: The user's pace and hours.
        now: The present moment.
        call_ms: Milliseconds between the ends of two calls at full speed.
        most: How many calls the user allows in all; None: as many as it takes.
    """
    states = _changed(states, _as_shut)
    per_day, today = room_of(_renewed(states, NEVER)), room_of(states)
    fastest = max(call_ms, *(_flow_ms(state) for state in states.values()), 1)
    bounds = [bound for bound in (most, _covered(states)) if bound is not None]
    if bounds and calls > (covered := min(bounds)):
        found = forecast(covered, states, rules, now, call_ms)
        return replace(found, calls=calls, beyond=calls - covered)
    left, days = calls, int(calls > 0 and today is None)
    for made, stretch in _periods(states, rules, now, fastest):
        if made is None or made >= left:
            days += left > 0 and made is not None
            return Forecast(calls, days, stretch.finish(left), per_day, today)
        left, days = left - made, days + (made > 0)
        if stretch.number >= ENOUGH_PERIODS:
            return _extrapolated(calls, left, days, stretch, now, per_day, today)
    raise AssertionError("periods never end")  # pragma: no cover


def _covered(states: RouteStates) -> int | None:
    """How many calls the balances cover, on the dearest way of each account; None: any number."""
    accounts: dict[str, int] = {}
    for (account, _model), state in states.items():
        own = [w.calls_left(state.cost) for w in state.windows if isinstance(w.period, Grant)]
        known = [left for left in own if left is not None]
        if not known:
            return None
        accounts[account] = min([*known, accounts.get(account, known[0])])
    return sum(accounts.values()) if states else None


def _changed(states: RouteStates, change: Callable[[Window], Window]) -> dict[Route, RouteState]:
    """The states with every window changed."""
    return {
        route: replace(state, windows=tuple(map(change, state.windows)))
        for route, state in states.items()
    }


def _as_shut(window: Window) -> Window:
    """A calendar's window, which has no room if nobody may enter it before its reset."""
    shut = isinstance(window.period, Calendar) and window.gate.parked_until >= window.resets_at
    if not shut or window.limit is None:
        return window
    return replace(window, spent=max(window.spent, window.limit))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The time until something is renewed, and how calls are spread over it."""

    number: int
    begins: int
    ends: int
    budget: int | None
    rules: Rules
    call_ms: int

    @property
    def usable_ms(self) -> int:
        hours = self.rules.hours
        return hours.usable_ms(self.begins, self.ends) if hours else self.ends - self.begins

    @property
    def in_time(self) -> int:
        """How many calls can start in it at full speed."""
        return -(-self.usable_ms // self.call_ms)

    def finish(self, left: int) -> int:
        """When `left` calls, which it has room for, are done."""
        takes = left * self.call_ms
        if self.rules.pace is Pace.EVEN and self.budget is not None:
            spread = max(0, self.usable_ms - SAFETY_MS) * left // max(1, self.budget)
            takes = max(takes, spread)
        hours = self.rules.hours
        return hours.after(self.begins, takes) if hours else self.begins + takes


def _periods(
    states: RouteStates, rules: Rules, now: int, call_ms: int
) -> Iterator[tuple[int | None, _Stretch]]:
    """How many calls each stretch between two resets allows, without end; None: any number."""
    number, begins = 0, now
    while True:
        number += 1
        ends = min((w.resets_at for w in _windows(states)), default=NEVER)
        budget = room_of(states)
        stretch = _Stretch(number, begins, ends, budget, rules, call_ms)
        made = budget if budget is None else min(budget, stretch.in_time)
        yield made, stretch
        states, begins = _renewed(_spent(states, made or 0), ends), ends


def _extrapolated(
    calls: int,
    left: int,
    days: int,
    stretch: _Stretch,
    now: int,
    per_day: int | None,
    today: int | None,
) -> Forecast:
    """The rest at the average of the periods so far."""
    made = calls - left
    if made == 0:
        return Forecast(calls, 0, now, per_day, today)
    finish_at = stretch.ends + (stretch.ends - now) * left // made
    return Forecast(calls, days + -(-left * days // made), finish_at, per_day, today)


def _windows(states: RouteStates) -> list[Window]:
    """The windows that a calendar renews."""
    found = [window for state in states.values() for window in state.windows]
    return [window for window in found if isinstance(window.period, Calendar)]


def _renewed(states: RouteStates, at: int) -> RouteStates:
    """The states once every window that resets until `at` has been renewed."""

    def renew(window: Window) -> Window:
        if not isinstance(window.period, Calendar) or window.resets_at > at:
            return window
        span = span_of(window.period, window.resets_at)
        return replace(
            window, starts_at=span.starts_at, resets_at=span.ends_at, spent=0, reserved=0
        )

    return _changed(states, renew)


def _spent(states: RouteStates, calls: int) -> RouteStates:
    """The states once `calls` calls were made on them, the preferred ones first."""
    after = dict(states)
    for route in states:
        room = after[route].remaining
        made = calls if room is None else min(calls, room)
        after, calls = _after(after, route, made), calls - made
    return after


def _after(states: RouteStates, route: Route, made: int) -> dict[Route, RouteState]:
    """The states once `made` calls went by `route`; its account's windows are others', too."""
    cost = states[route].cost

    def spend(window: Window) -> Window:
        touched = window.account == route[0] and window.model in ("", route[1])
        more = made * window.cost_of(cost) if touched else 0
        return replace(window, spent=window.spent + more)

    return _changed(states, spend)


def _flow_ms(state: RouteState) -> int:
    """The milliseconds a call takes at least, for the limits that flow by themselves."""
    waits = [
        period.ms * window.cost_of(state.cost) // window.limit
        for window in state.windows
        if isinstance(period := window.period, Rolling | Refill) and window.limit
    ]
    return max(waits, default=0)
