"""Which demand goes on next, and by which route; or what each of them waits for.

One decision at a time: `admission.admit` reserves what it says, and asks again. Those that somebody
waits for go first, then demands go by priority, then by what they have had; the one that must wait
never holds up the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from runner.core import controller, pacing, quota
from runner.core.demand import Cause, Demand, Rotate, Rules, WaitCause, Waiting
from runner.core.gate import ParkReason
from runner.core.hours import Hours
from runner.core.pacing import Pace
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.quota import Refused
from runner.core.route import Route, RouteState, room_of
from runner.core.start_bucket import StartBucket
from runner.core.window import Source, Window


@dataclass(frozen=True, slots=True)
class AccountState:
    """What bounds the calls of an account beside its windows.

    Attributes:
        in_flight: Calls of this process under way.
        ceiling: How many may be; None: any number.
        rate: How fast calls may start; None: as fast as they can.
    """

    in_flight: int = 0
    ceiling: int | None = None
    rate: StartBucket | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Everything that admission depends on.

    Attributes:
        routes: Every route that a demand may take, with the windows of now.
        accounts: What bounds each account; one that is missing is not bounded.
        in_flight: Calls of this process under way.
        ceiling: How many may be, in all.
        loop_ms: The moment by a clock that never goes back, which controllers and buckets go by.
    """

    routes: Mapping[Route, RouteState]
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    in_flight: int = 0
    ceiling: int = 256
    loop_ms: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Start `count` calls of a demand by one route; a `probe` goes alone."""

    key: int
    route: Route
    count: int
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can start before `until` (None: before something happens)."""

    until: int | None
    reasons: tuple[Waiting, ...] = ()


def decide(state: State, demands: Sequence[Demand], now: int) -> Start | Wait:
    """The next calls to start.

    Interactive demands go first, the others by priority; those of the same priority share alike,
    the oldest first. One that must wait never holds up the next, nor does one of its routes.
    """
    turn = _Turn(state, demands, now)
    reasons: list[Waiting] = []
    for demand in sorted(demands, key=attrgetter("order")):
        decision = turn.decide(demand)
        if isinstance(decision, Start):
            return decision
        reasons.append(decision)
    moments = [reason.until for reason in reasons if reason.until is not None]
    return Wait(min(moments, default=None), tuple(reasons))


def wait_reasons(
    state: State, demand: Demand, demands: Sequence[Demand], now: int
) -> dict[Route, Start | Waiting]:
    """By route: what holds `demand` back there, or how many of its calls could start."""
    turn = _Turn(state, demands, now)
    held = turn.held_back(demand)
    return {route: held or turn.through(route, demand) for route in demand.routes}


class _Turn:
    """One decision over many demands; what holds for all demands of a route is found once."""

    def __init__(self, state: State, demands: Sequence[Demand], now: int) -> None:
        self._state = state
        self._demands = demands
        self._now = now
        self._fitting: dict[tuple[Route, ...], bool] = {}
        self._refusals: dict[tuple[Route, bool, Rules, bool], Waiting] = {}

    def decide(self, demand: Demand) -> Start | Waiting:
        """What to do with one demand."""
        if (held := self.held_back(demand)) is not None:
            return held
        waits: list[Waiting] = []
        for route in self._in_order(demand):
            decision = self.through(route, demand)
            if isinstance(decision, Start):
                return decision
            waits.append(decision)
            busy = decision.cause is WaitCause.CONCURRENCY
            if busy and demand.rotate is Rotate.PREFER and self._fits(demand):
                break  # the preferred route has room for all of it, only not at once
        return _soonest(waits)

    def held_back(self, demand: Demand) -> Waiting | None:
        """Why `demand` cannot go on by any route."""
        if demand.ready == 0:
            return _idle(demand)
        hours = demand.rules.hours
        if hours and (opens := hours.opens_at(self._now)) > self._now:
            why = "outside the configured hours"
            return Waiting(demand.key, WaitCause.HOURS, why, opens)
        for cap in demand.caps:
            if cap.left <= 0:
                cause = WaitCause.CAPPED if cap.until is None else WaitCause.DAILY
                return Waiting(demand.key, cause, cap.why, cap.until)
        return None

    def through(self, route: Route, demand: Demand) -> Start | Waiting:
        """What to do with `demand` by one route."""
        key = (route, self._fits(demand), demand.rules, demand.interactive)
        if (known := self._refusals.get(key)) is not None:
            return replace(known, key=demand.key)
        decision = self._through(route, demand)
        if isinstance(decision, Waiting):
            self._refusals[key] = decision
        return decision

    def _through(self, route: Route, demand: Demand) -> Start | Waiting:
        state = self._state.routes[route]
        slots = self._slots(route, demand.key)
        if isinstance(slots, Waiting):
            return slots
        want = min(slots, demand.ready, *(cap.left for cap in demand.caps))
        windows = quota.unreserved(state.windows) if demand.interactive else state.windows
        offer = quota.admit(windows, want, self._now, state.cost)
        if isinstance(offer, Refused):
            return _refusal(demand.key, offer)
        count = self._without_last_call(route, demand, offer.count)
        if isinstance(count, Waiting):
            return count
        if offer.probe:
            return Start(demand.key, route, 1, probe=True)
        return self._paced(route, demand, count)

    def _slots(self, route: Route, key: int) -> int | Waiting:
        """How many calls may start by `route` as far as concurrency and rates go."""
        state, account = self._state, self._state.accounts.get(route[0], _UNBOUNDED)
        own = state.routes[route]
        free = state.ceiling - state.in_flight
        if account.ceiling is not None:
            free = min(free, account.ceiling - account.in_flight)
        if free <= 0:
            return Waiting(key, WaitCause.CONCURRENCY, _BUSY, None)
        slots, until = controller.room(own.controller, own.in_flight, state.loop_ms)
        if slots <= 0:
            if until is None:
                return Waiting(key, WaitCause.CONCURRENCY, _BUSY, None)
            until = self._now + until - state.loop_ms
            return Waiting(key, ParkReason.THROTTLED, own.refusal, until)
        if account.rate is not None:
            allowed = account.rate.left(state.loop_ms)
            if allowed < 1:
                until = self._now + account.rate.next_at(state.loop_ms) - state.loop_ms
                return Waiting(key, WaitCause.RATE, "starting calls no faster", until)
            slots = min(slots, allowed)
        return min(free, slots)

    def _paced(self, route: Route, demand: Demand, count: int) -> Start | Waiting:
        """Start now, or at the next moment at which every calendar's budget is well spread."""
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
            return Waiting(demand.key, WaitCause.PACE, why, latest, bound)
        return Start(demand.key, route, 1)

    def _without_last_call(self, route: Route, demand: Demand, count: int) -> int | Waiting:
        """`count`, without the day's last call if that is kept for later.

        It is where a day is spent at once although not all of the work fits: nothing else would
        tell what was added to it in its course.
        """
        rules = demand.rules
        if rules.pace is not Pace.ASAP or not rules.waits or rules.hours or demand.interactive:
            return count
        state = self._state.routes[route]
        for window in state.windows:
            left = window.calls_left(state.cost)
            if left is None or left > count:
                continue
            made_at = window.last_call_at
            if made_at is None or made_at <= self._now or self._fits(demand):
                continue
            if left == 1:
                why = "keeping the day's last call"
                return Waiting(demand.key, WaitCause.LAST_CALL, why, made_at, window)
            count = left - 1
        return count

    def _spread(self, window: Window, route: Route, hours: Hours | None) -> int | None:
        """When the next call may start if `window`'s budget is spread; None if nothing bounds it.

        Routes share their account's room: each plans with its part, and takes what others leave.
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
        if left is None or not isinstance(window.period, Calendar):
            return None
        sharing = {r for one in self._demands for r in one.routes if r[0] == route[0]}
        return pacing.next_start(
            budget=left if window.model else -(-left // len(sharing)),
            last_start=state.last_start,
            resets_at=_spread_until(window, state.last_start or self._now),
            now=self._now,
            hours=hours,
        )

    def _fits(self, demand: Demand) -> bool:
        """Whether the calls of all demands on these routes fit what today still allows there."""
        if (known := self._fitting.get(demand.routes)) is not None:
            return known
        routes = set(demand.routes)
        calls = sum(one.calls for one in self._demands if not routes.isdisjoint(one.routes))
        busy = {route for one in self._demands for route in one.routes}
        room = room_of({route: self._state.routes[route] for route in routes}, busy)
        fits = self._fitting[demand.routes] = room is None or calls <= room
        return fits

    def _in_order(self, demand: Demand) -> Sequence[Route]:
        """The routes of `demand`, the one to try first in front."""
        if demand.rotate is Rotate.PREFER:
            return demand.routes
        states = self._state.routes
        return sorted(demand.routes, key=lambda route: -_roominess(states[route]))


_UNBOUNDED = AccountState()
_BUSY = "all allowed calls are in flight"


def _spread_until(window: Window, last_start: int) -> int:
    """When the budget of a calendar's window is to be spent.

    A limit that was learned from a refusal is used up while something of the day is left: then
    one call tries whether it still holds.
    """
    if window.limit_source is not Source.REFUSAL:
        return window.resets_at
    return max(window.limit_tried_at, (last_start + window.resets_at) // 2)


def _idle(demand: Demand) -> Waiting:
    """What a demand without a call to start waits for."""
    if demand.waiting:
        return Waiting(demand.key, WaitCause.DUE, "retrying after a fault", demand.due)
    idle = demand.pending and not demand.in_flight
    why = "the provider is at work on it" if idle else "waiting for the calls in flight"
    return Waiting(demand.key, WaitCause.IN_FLIGHT, why, None)


def _roominess(state: RouteState) -> float:
    return float("inf") if state.remaining is None else state.remaining


def _soonest(waits: Sequence[Waiting]) -> Waiting:
    """Of the reasons why each route waits, the one that ends first: the demand goes on with it."""
    return min(waits, key=lambda wait: float("inf") if wait.until is None else wait.until)


def _refusal(key: int, refused: Refused) -> Waiting:
    window = refused.window
    # What is left may pay for no call: then the reset is waited for, too.
    spent = window.remaining == 0 or refused.until == window.resets_at
    flows = isinstance(window.period, Rolling | Refill)
    cause: Cause
    if spent and not flows and window.gate.reason is not ParkReason.OFFLINE:
        of_the_user = window.limit_source is Source.CONFIGURED
        capped = isinstance(window.period, Grant) and of_the_user
        cause = WaitCause.CAPPED if capped else ParkReason.SPENT
    elif window.gate.reason is not ParkReason.NONE:
        cause = window.gate.reason
    else:
        cause = WaitCause.FLOW if flows else ParkReason.RESET
    return Waiting(key, cause, refused.why, refused.until, window)
