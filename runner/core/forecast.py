"""Forecasts: the number of days that a batch needs, and when it will be finished.

They use the functions that schedule calls: the room of windows, paces and hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import is_

from runner.core.calendar import NEVER, Day
from runner.core.credits import (
    NO_GRANTS,
    DailyGrants,
    covered_calls,
    foreseen,
    of_a_day,
    paid_calls,
    paid_until,
    regranted,
)
from runner.core.demand import Rules
from runner.core.pacing import SAFETY_MS, Pace
from runner.core.period import Period
from runner.core.route import Route, RouteState, room_of
from runner.core.time_units import DAY_MS
from runner.core.window import Key, Unit, Window

# Duration of a call and calls in flight, before any were measured.
USUAL_CALL_MS = 1_500
USUAL_CONCURRENCY = 4
# After this many periods the rest is extrapolated from their average.
ENOUGH_PERIODS = 70

RouteStates = Mapping[Route, RouteState]


@dataclass(frozen=True, slots=True)
class Forecast:
    """When some calls will be done, and what they use up.

    Attributes:
        calls: The number of calls still to be made, without retries.
        days: The number of days whose allowance they use, with today; 0 if no call can be made.
        finish_at: When the last of the calls that can be made is expected to be done (ms since the
            epoch).
        per_day: The number of calls that an untouched day allows; None when no limit is known.
        today: The number of calls that today's windows still allow; None when no limit is known.
        beyond: The number of calls that no balance covers, or that the user does not allow.
        paid: The number of calls that the present credits pay for; None where no credits are
            counted.
        paid_until: When those credits are spent or expired, if calls are left then; otherwise None.
            The forecast assumes that somebody logs in as soon as the last grant has expired, and
            every day from then on.
    """

    calls: int
    days: int
    finish_at: int
    per_day: int | None
    today: int | None
    beyond: int = 0
    paid: int | None = None
    paid_until: int | None = None

    @property
    def finishes_at(self) -> int | None:
        """When the last result is expected; None if some of the calls can never be made."""
        is_possible = self.calls == 0 or (self.days > 0 and not self.beyond)
        return self.finish_at if is_possible and self.finish_at < NEVER else None


def forecast(
    calls: int,
    states: RouteStates,
    rules: Rules,
    now: int,
    call_ms: int = USUAL_CALL_MS // USUAL_CONCURRENCY,
    most: int | None = None,
    daily_grants: DailyGrants = NO_GRANTS,
) -> Forecast:
    """Forecasts when `calls` calls will be done.

    Args:
        calls: The number of calls to make, without retries.
        states: The routes that they may take, with their windows as they are now.
        rules: The user's pace and hours.
        now: The present moment (ms since the epoch).
        call_ms: The time between the ends of two calls at full speed, in ms.
        most: How many calls the user allows in all; None for any number.
        daily_grants: The thousandths of a credit that each account is granted a day, if somebody
            logs in.
    """
    states = _changed(states, _parked_as_spent)
    fastest = max(call_ms, *(_renewal_ms(state) for state in states.values()), 1)
    allowed = calls if most is None else min(calls, most)
    covered = covered_calls(states, daily_grants)
    payable = allowed if covered is None else min(allowed, covered)
    result = _of_payable(payable, states, rules, now, fastest, daily_grants)
    paid = paid_calls(states)
    if paid is not None and paid < payable:
        result = replace(result, paid_until=paid_until(paid, states, rules, now, fastest))
    return replace(result, calls=calls, beyond=calls - payable, paid=paid)


def bounded(forecast: Forecast, left: int, a_day: int, ends_at: int) -> Forecast:
    """Returns a forecast with a daily limit on calls, in addition to the limits of windows.

    Args:
        forecast: The forecast without the daily limit.
        left: The number of calls that may be made until `ends_at`; none if it is below 1.
        a_day: The number of calls that may be made on each day after it.
        ends_at: When today ends (ms since the epoch).
    """
    over = forecast.calls - max(0, left)
    if over <= 0 or not forecast.days:
        return forecast
    later = -(-over // a_day)
    earliest = ends_at + (later - 1) * DAY_MS
    days = max(forecast.days, later + (left > 0))
    return replace(forecast, days=days, finish_at=max(forecast.finish_at, earliest))


def _of_payable(
    calls: int,
    states: RouteStates,
    rules: Rules,
    now: int,
    fastest: int,
    grants: DailyGrants,
) -> Forecast:
    """Forecasts `calls` calls that can all be made."""
    per_day, today = room_of(_untouched(states, grants)), room_of(states)
    left, days = calls, int(calls > 0 and today is None)
    for made, stretch in _periods(states, rules, now, fastest, grants):
        if made is None or made >= left:
            days += left > 0 and made is not None
            return Forecast(calls, days, stretch.finish(left), per_day, today)
        left, days = left - made, days + (made > 0)
        if stretch.number >= ENOUGH_PERIODS:
            return _extrapolated(calls, left, days, stretch, now, per_day, today)
    raise AssertionError("periods never end")  # pragma: no cover


def _changed(states: RouteStates, change: Callable[[Window], Window]) -> RouteStates:
    """Returns the states with `change` applied to every window, once to each shared one."""
    known: dict[Key, Window] = {}
    after: dict[Route, RouteState] = {}
    for route, state in states.items():
        windows = []
        for window in state.windows:
            key = (window.account, window.model, window.quota)
            if (changed := known.get(key)) is None:
                changed = known[key] = change(window)
            windows.append(changed)
        same = all(map(is_, windows, state.windows))
        after[route] = state if same else replace(state, windows=tuple(windows))
    return after


def _parked_as_spent(window: Window) -> Window:
    """Returns a calendar window as fully spent if it is parked until its reset."""
    parked = window.period.resets and window.gate.parked_until >= window.resets_at
    if not parked or window.limit is None:
        return window
    return replace(window, spent=max(window.spent, window.limit))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The time between two renewals of windows, and how calls are spread over it."""

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
        """The number of calls that can start in it at full speed."""
        return -(-self.usable_ms // self.call_ms)

    def finish(self, left: int) -> int:
        """Returns when `left` calls are done, for which the stretch has room."""
        takes = left * self.call_ms
        if self.rules.pace is Pace.EVEN and self.budget is not None:
            spread = max(0, self.usable_ms - SAFETY_MS) * left // max(1, self.budget)
            takes = max(takes, spread)
        hours = self.rules.hours
        return hours.after(self.begins, takes) if hours else self.begins + takes


def _periods(
    states: RouteStates,
    rules: Rules,
    now: int,
    call_ms: int,
    grants: DailyGrants,
) -> Iterator[tuple[int | None, _Stretch]]:
    """Yields each stretch between two resets, without end, with the number of calls it allows.

    None stands for any number.
    """
    number, begins = 0, now
    states = _of_credits(states, lambda w, daily: foreseen(w, now, daily), grants)
    while True:
        number += 1
        ends = min((w.resets_at for w in _windows(states)), default=NEVER)
        budget = room_of(states)
        stretch = _Stretch(number, begins, ends, budget, rules, call_ms)
        made = budget if budget is None else min(budget, stretch.in_time)
        yield made, stretch
        states, begins = _renewed(_spent(states, made or 0), ends, grants), ends


def _extrapolated(
    calls: int,
    left: int,
    days: int,
    stretch: _Stretch,
    now: int,
    per_day: int | None,
    today: int | None,
) -> Forecast:
    """Forecasts the `left` calls at the average of the periods so far."""
    made = calls - left
    if made == 0:
        return Forecast(calls, 0, now, per_day, today)
    finish_at = stretch.ends + (stretch.ends - now) * left // made
    return Forecast(calls, days + -(-left * days // made), finish_at, per_day, today)


def _windows(states: RouteStates) -> list[Window]:
    """Returns the windows that a calendar or a login renews."""
    windows = [window for state in states.values() for window in state.windows]
    renewed = [w for w in windows if w.is_allowance]
    return [window for window in renewed if window.limit is not None]


def _untouched(states: RouteStates, grants: DailyGrants) -> RouteStates:
    """Returns the states of a day with nothing spent, on which credits are one day's grant."""
    return _changed(_of_credits(states, of_a_day, grants), lambda w: _next(w, NEVER))


def _renewed(states: RouteStates, at: int, grants: DailyGrants) -> RouteStates:
    """Returns the states once every window that resets until `at` has been renewed."""
    calendars = _changed(states, lambda w: _next(w, at))
    return _of_credits(calendars, lambda w, daily: regranted(w, at, daily), grants)


def _next(window: Window, at: int) -> Window:
    if not window.period.resets or window.resets_at > at:
        return window
    span = _span(window.period, window.resets_at)
    return replace(window, starts_at=span.starts_at, resets_at=span.ends_at, spent=0, reserved=0)


@lru_cache(maxsize=256)
def _span(period: Period, at: int) -> Day:
    """Returns a future day or month; cached, since every forecast needs the same ones."""
    return period.span(at)


def _of_credits(
    states: RouteStates, change: Callable[[Window, int], Window], grants: DailyGrants
) -> RouteStates:
    """Returns the states with `change` applied to every window of credits and its daily grant."""
    return _changed(
        states,
        lambda w: change(w, grants.get(w.account, 0)) if w.unit is Unit.CREDITS else w,
    )


def _spent(states: RouteStates, calls: int) -> RouteStates:
    """Returns the states after `calls` calls, made by the preferred routes first."""
    for route in states:
        room = states[route].remaining
        made = calls if room is None else min(calls, room)
        if made:
            states, calls = _after(states, route, made), calls - made
    return states


def _after(states: RouteStates, route: Route, made: int) -> RouteStates:
    """Returns the states after `made` calls by `route`, which also spend its account's windows."""
    cost = states[route].cost

    def spend(window: Window) -> Window:
        touched = window.account == route[0] and window.model in ("", route[1])
        more = made * window.cost_of(cost) if touched else 0
        return replace(window, spent=window.spent + more) if more else window

    return _changed(states, spend)


def _renewal_ms(state: RouteState) -> int:
    """Returns the least time between two calls that rolling and refilling windows allow, in ms."""
    waits = [
        ms * window.cost_of(state.cost) // window.limit
        for window in state.windows
        if (ms := window.period.renewal_ms) is not None and window.limit
    ]
    return max(waits, default=0)
