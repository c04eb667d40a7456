"""Selection of the demand that goes on next and of its route, or why each demand waits.

It makes one decision at a time: `admission.admit` reserves it and asks again. Interactive demands
go first, then the order is by priority and by share. A demand that must wait never delays others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

from runner.core import controller, pacing, quota
from runner.core.demand import Cause, Demand, Rotate, Rules, WaitCause, WaitReason
from runner.core.gate import ParkReason
from runner.core.hours import Hours
from runner.core.pacing import Pace
from runner.core.quota import Refused
from runner.core.route import Route, RouteState, room_of
from runner.core.start_bucket import StartBucket
from runner.core.window import Source, Window


@dataclass(frozen=True, slots=True)
class AccountState:
    """The limits on the calls of an account beside its windows.

    Attributes:
        in_flight: The number of calls of this process in flight.
        ceiling: The largest number of calls in flight; None for any number.
        rate: The limit of starts per second; None for no limit.
    """

    in_flight: int = 0
    ceiling: int | None = None
    rate: StartBucket | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Everything that admission depends on.

    Attributes:
        routes: Every route that a demand may take, with its present windows.
        accounts: The limits of each account; an account that is missing has none.
        in_flight: The number of calls of this process in flight.
        ceiling: The largest number of calls in flight, over all accounts.
        loop_ms: The present moment by a monotonic clock, which controllers and buckets use.
    """

    routes: Mapping[Route, RouteState]
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    in_flight: int = 0
    ceiling: int = 256
    loop_ms: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """The decision to start `count` calls of a demand by one route; a `probe` goes alone."""

    key: int
    route: Route
    count: int
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """The decision that nothing can start before `until` (None: before an event)."""

    until: int | None
    reasons: tuple[WaitReason, ...] = ()


def decide(state: State, demands: Sequence[Demand], now: int) -> Start | Wait:
    """Returns the next calls to start, or why all demands wait.

    Interactive demands go first, the others by priority; demands of the same priority share
    equally, the oldest first. A demand that must wait never delays others, nor does one of its
    routes delay its other routes.
    """
    selection = _Selection(state, demands, now)
    reasons: list[WaitReason] = []
    for demand in sorted(demands, key=attrgetter("order")):
        decision = selection.decide(demand)
        if isinstance(decision, Start):
            return decision
        reasons.append(decision)
    moments = [reason.until for reason in reasons if reason.until is not None]
    return Wait(min(moments, default=None), tuple(reasons))


def wait_reasons(
    state: State, demand: Demand, demands: Sequence[Demand], now: int
) -> dict[Route, Start | WaitReason]:
    """Returns, by route, why `demand` waits there, or the calls of it that could start."""
    selection = _Selection(state, demands, now)
    waiting = selection.held_back(demand)
    return {route: waiting or selection.through(route, demand) for route in demand.routes}


class _Selection:
    """One decision over many demands; results that several demands share are computed once."""

    def __init__(self, state: State, demands: Sequence[Demand], now: int) -> None:
        self._state = state
        self._demands = demands
        self._now = now
        self._fitting: dict[tuple[Route, ...], bool] = {}
        self._refusals: dict[tuple[Route, bool, Rules, bool], WaitReason] = {}
        self._waits: dict[tuple[tuple[Route, ...], Rotate, Rules, bool], WaitReason] = {}

    def decide(self, demand: Demand) -> Start | WaitReason:
        """Returns the decision on one demand."""
        if (waiting := self.held_back(demand)) is not None:
            return waiting
        alike = (demand.routes, demand.rotate, demand.rules, demand.interactive)
        if (known := self._waits.get(alike)) is not None:
            return known.of(demand.key)
        decision = self._by_routes(demand)
        if isinstance(decision, WaitReason):
            self._waits[alike] = decision
        return decision

    def _by_routes(self, demand: Demand) -> Start | WaitReason:
        """Returns the decision on a demand that nothing holds back, by its routes."""
        waits: list[WaitReason] = []
        for route in self._in_order(demand):
            decision = self.through(route, demand)
            if isinstance(decision, Start):
                return decision
            waits.append(decision)
            busy = decision.cause is WaitCause.CONCURRENCY
            if busy and demand.rotate is Rotate.PREFER and self._fits(demand):
                break  # the preferred route has room for all of it, only not at once
        return _soonest(waits)

    def held_back(self, demand: Demand) -> WaitReason | None:
        """Returns why `demand` cannot go on by any route; None if it may by some."""
        if demand.ready == 0:
            return _idle(demand)
        hours = demand.rules.hours
        if hours and (opens := hours.opens_at(self._now)) > self._now:
            why = "outside the configured hours"
            return WaitReason(demand.key, WaitCause.HOURS, why, opens)
        for cap in demand.caps:
            if cap.left <= 0:
                cause = WaitCause.CAPPED if cap.until is None else WaitCause.DAILY
                return WaitReason(demand.key, cause, cap.why, cap.until)
        return None

    def through(self, route: Route, demand: Demand) -> Start | WaitReason:
        """Returns the decision on `demand` by one route."""
        key = (route, self._fits(demand), demand.rules, demand.interactive)
        if (known := self._refusals.get(key)) is not None:
            return known.of(demand.key)
        decision = self._through(route, demand)
        if isinstance(decision, WaitReason):
            self._refusals[key] = decision
        return decision

    def _through(self, route: Route, demand: Demand) -> Start | WaitReason:
        state = self._state.routes[route]
        slots = self._slots(route, demand.key)
        if isinstance(slots, WaitReason):
            return slots
        want = min(slots, demand.ready, *(cap.left for cap in demand.caps))
        windows = quota.without_reserve(state.windows) if demand.interactive else state.windows
        offer = quota.admit(windows, want, self._now, state.cost)
        if isinstance(offer, Refused):
            return _refusal(demand.key, offer)
        if offer.probe:
            return Start(demand.key, route, 1, probe=True)
        return self._paced(route, demand, offer.count)

    def _slots(self, route: Route, key: int) -> int | WaitReason:
        """Returns how many calls concurrency and rates allow to start by `route`, or why none."""
        state, account = self._state, self._state.accounts.get(route[0], _UNBOUNDED)
        own = state.routes[route]
        free = state.ceiling - state.in_flight
        if account.ceiling is not None:
            free = min(free, account.ceiling - account.in_flight)
        if free <= 0:
            return WaitReason(key, WaitCause.CONCURRENCY, _BUSY, None)
        slots, until = controller.room(own.controller, own.in_flight, state.loop_ms)
        if slots <= 0:
            if until is None:
                return WaitReason(key, WaitCause.CONCURRENCY, _BUSY, None)
            until = self._now + until - state.loop_ms
            return WaitReason(key, ParkReason.THROTTLED, own.refusal, until)
        if account.rate is not None:
            allowed = account.rate.left(state.loop_ms)
            if allowed < 1:
                until = self._now + account.rate.next_at(state.loop_ms) - state.loop_ms
                return WaitReason(key, WaitCause.RATE, "starting calls no faster", until)
            slots = min(slots, allowed)
        return min(free, slots)

    def _paced(self, route: Route, demand: Demand, count: int) -> Start | WaitReason:
        """Returns a start now, or a wait that spreads the budget of every calendar window."""
        pace, now = demand.rules.pace, self._now
        if pace is Pace.ASAP or (pace is Pace.AUTO and self._fits(demand)):
            return Start(demand.key, route, count)
        latest, bound = now, None
        for window in self._state.routes[route].windows:
            start = self._spread(window, route, demand.rules.hours)
            if start is not None and (bound is None or start > latest):
                latest, bound = start, window
        if bound is None:
            return Start(demand.key, route, count)
        if latest > now:
            why = "spreading the day's budget"
            return WaitReason(demand.key, WaitCause.PACE, why, latest, bound)
        return Start(demand.key, route, 1)

    def _spread(self, window: Window, route: Route, hours: Hours | None) -> int | None:
        """Returns when the next call may start if `window`'s budget is spread; None if it is not.

        Routes share their account's room: each plans with its part, and may use what others leave.
        """
        state = self._state.routes[route]
        left = window.calls_left(state.cost)
        if left is not None and window.expiries:
            return pacing.next_before_expiry(
                expiries=window.expiries,
                spent=window.spent + window.reserved,
                price=window.cost_of(state.cost),
                last_start=window.last_start_at,
                now=self._now,
                hours=hours,
            )
        if left is None or not window.period.resets:
            return None
        left -= pacing.left_to_others(window.others, left, self._now, window.resets_at)
        sharing = {r for demand in self._demands for r in demand.routes if r[0] == route[0]}
        return pacing.next_start(
            budget=left if window.model else -(-left // len(sharing)),
            last_start=state.last_start,
            resets_at=_spread_until(window, state.last_start or self._now),
            now=self._now,
            hours=hours,
        )

    def _fits(self, demand: Demand) -> bool:
        """Whether the calls of all demands on these routes fit into today's room there."""
        if (known := self._fitting.get(demand.routes)) is not None:
            return known
        routes = set(demand.routes)
        calls = sum(n for other, n in self._calls.items() if not routes.isdisjoint(other))
        busy = {route for other in self._calls for route in other}
        room = room_of({route: self._state.routes[route] for route in routes}, busy)
        fits = self._fitting[demand.routes] = room is None or calls <= room
        return fits

    @cached_property
    def _calls(self) -> dict[tuple[Route, ...], int]:
        """The number of calls that the demands with the same routes still need."""
        calls: dict[tuple[Route, ...], int] = {}
        for demand in self._demands:
            calls[demand.routes] = calls.get(demand.routes, 0) + demand.calls
        return calls

    def _in_order(self, demand: Demand) -> Sequence[Route]:
        """Returns the routes of `demand` in the order in which they are tried."""
        if demand.rotate is Rotate.PREFER:
            return demand.routes
        states = self._state.routes
        return sorted(demand.routes, key=lambda route: -_roominess(states[route]))


_UNBOUNDED = AccountState()
_BUSY = "all allowed calls are in flight"


def _spread_until(window: Window, last_start: int) -> int:
    """Returns by when the budget of a calendar window is to be spent.

    A limit that was learned from a refusal is used up before the day ends, so that one call can
    try whether it still holds.
    """
    if window.limit_source is not Source.REFUSAL:
        return window.resets_at
    return max(window.limit_recheck_at, (last_start + window.resets_at) // 2)


def _idle(demand: Demand) -> WaitReason:
    """Returns why a demand without a ready call waits."""
    if demand.retrying:
        return WaitReason(demand.key, WaitCause.DUE, "retrying after a fault", demand.due)
    idle = demand.pending and not demand.in_flight
    why = "the provider is at work on it" if idle else "waiting for the calls in flight"
    return WaitReason(demand.key, WaitCause.IN_FLIGHT, why, None)


def _roominess(state: RouteState) -> float:
    return float("inf") if state.remaining is None else state.remaining


def _soonest(waits: Sequence[WaitReason]) -> WaitReason:
    """Returns the wait that ends first, which is when the demand goes on."""
    return min(waits, key=lambda wait: float("inf") if wait.until is None else wait.until)


def _refusal(key: int, refused: Refused) -> WaitReason:
    window = refused.window
    # The remainder may be too small for a call, which then waits for the reset, too.
    spent = window.remaining == 0 or refused.until == window.resets_at
    is_continuous = window.period.renewal_ms is not None
    cause: Cause
    if spent and not is_continuous and window.gate.reason is not ParkReason.OFFLINE:
        of_the_user = window.limit_source is Source.CONFIGURED
        capped = window.period.granted and of_the_user
        cause = WaitCause.CAPPED if capped else ParkReason.SPENT
    elif window.gate.reason is not ParkReason.NONE:
        cause = window.gate.reason
    else:
        cause = WaitCause.WINDOW_FULL if is_continuous else ParkReason.RESET
    return WaitReason(key, cause, refused.why, refused.until, window)
