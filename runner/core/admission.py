"""Which jobs start now, through which windows; or when to look again, and what is awaited.

It decides from what it is shown, and reserves nothing: the ledger decides again, on the same
functions, when it reserves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from runner.core import pacing, quota
from runner.core.gate import ParkReason
from runner.core.hours import Hours
from runner.core.pacing import Pace
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.quota import Refused
from runner.core.route import Route, RouteState, room_of
from runner.core.window import Source, Window


class Rotate(StrEnum):
    """How the routes of a batch are used."""

    PREFER = "prefer"  # in order: the next one when the one before cannot go on
    SPREAD = "spread"  # all of them, the one with the most room first


@dataclass(frozen=True, slots=True)
class Demand:
    """A batch with jobs that are ready, or will be at `due` at the earliest.

    `routes` are the ways its calls may take, the preferred one first; `left` is how many calls
    the user still allows it, None for as many as it takes; `share` is how much it has had beside
    the others; `pack` is how many jobs a full call carries, `running` how many are in calls under
    way, and `pending` how many the provider demands on.
    """

    batch_id: int
    routes: tuple[Route, ...]
    ready: int
    priority: int = 0
    waiting: int = 0
    due: int | None = None
    rotate: Rotate = Rotate.PREFER
    left: int | None = None
    share: int = 0
    pack: int = 1
    running: int = 0
    pending: int = 0

    @property
    def calls(self) -> int:
        """How many calls its jobs take, if each is full."""
        return -(-(self.ready + self.waiting) // self.pack)

    @property
    def startable(self) -> int:
        """How many calls may start at most: full ones, or whatever is left when none is under way.

        What comes back from the calls under way may fill the next one.
        """
        full = self.ready // self.pack
        return full or (0 if self.running else self.ready)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user wants of a run: how to spend a budget, and at which hours."""

    pace: Pace = Pace.AUTO
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start up to `count` calls of a batch."""

    batch_id: int
    route: Route
    count: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a batch does not go on, and until when (None: until a call in flight ends)."""

    batch_id: int
    cause: str
    why: str
    until: int | None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can start before `until` (None: before something happens)."""

    until: int | None
    reasons: tuple[Waiting, ...] = ()


def decide(
    demands: Sequence[Demand], states: Mapping[Route, RouteState], rules: Rules, now: int
) -> Start | Wait:
    """The next thing to do.

    Batches go by priority; those of the same priority share alike, the oldest first. One that
    must wait never holds up the next, nor does one of its routes.
    """
    reasons: list[Waiting] = []
    for demand in sorted(demands, key=lambda w: (w.priority, w.share, w.batch_id)):
        decision = _decide_one(demand, demands, states, rules, now)
        if isinstance(decision, Start):
            return decision
        reasons.append(decision)
    moments = [reason.until for reason in reasons if reason.until is not None]
    return Wait(min(moments, default=None), tuple(reasons))


def _decide_one(
    demand: Demand,
    demands: Sequence[Demand],
    states: Mapping[Route, RouteState],
    rules: Rules,
    now: int,
) -> Start | Waiting:
    if (held := _held_back(demand, rules, now)) is not None:
        return held
    fitting = _fits(demand, demands, states)
    waits: list[Waiting] = []
    for route in _in_order(demand, states):
        decision = _through(route, demand, demands, states, rules, now, fitting=fitting)
        if isinstance(decision, Start):
            return decision
        waits.append(decision)
        if decision.cause == "concurrency" and fitting and demand.rotate is Rotate.PREFER:
            break  # the preferred way has room for all of it, only not at once
    return _soonest(waits)


def wait_reasons(
    demand: Demand,
    demands: Sequence[Demand],
    states: Mapping[Route, RouteState],
    rules: Rules,
    now: int,
) -> dict[Route, Start | Waiting]:
    """What holds `work` back on each of its ways, or how many of its jobs could start there."""
    held, fitting = _held_back(demand, rules, now), _fits(demand, demands, states)
    return {
        route: held or _through(route, demand, demands, states, rules, now, fitting=fitting)
        for route in demand.routes
    }


def _held_back(demand: Demand, rules: Rules, now: int) -> Waiting | None:
    """Why `work` cannot go on, whichever way."""
    if demand.ready == 0:
        if demand.waiting:
            return Waiting(demand.batch_id, "due", "retrying after a fault", demand.due)
        idle = demand.pending and not demand.running
        why = "the provider is at work on it" if idle else "waiting for the calls in flight"
        return Waiting(demand.batch_id, "in flight", why, None)
    if demand.startable == 0:
        why = "waiting for the calls in flight, to fill the next one"
        return Waiting(demand.batch_id, "in flight", why, None)
    if rules.hours and (opens := rules.hours.opens_at(now)) > now:
        return Waiting(demand.batch_id, "hours", "outside the configured hours", opens)
    if demand.left == 0:
        return Waiting(demand.batch_id, "capped", "as many calls as the job file allows", None)
    return None


def _in_order(demand: Demand, states: Mapping[Route, RouteState]) -> list[Route]:
    """The routes of `work`, the one to try first in front."""
    if demand.rotate is Rotate.PREFER:
        return list(demand.routes)
    return sorted(demand.routes, key=lambda route: -_roominess(states[route]))


def _roominess(state: RouteState) -> float:
    return float("inf") if state.remaining is None else state.remaining


def _soonest(waits: Sequence[Waiting]) -> Waiting:
    """Of the reasons why each route waits, the one that ends first: the batch goes on with it."""
    return min(waits, key=lambda w: float("inf") if w.until is None else w.until)


def _through(
    route: Route,
    demand: Demand,
    demands: Sequence[Demand],
    states: Mapping[Route, RouteState],
    rules: Rules,
    now: int,
    *,
    fitting: bool,
) -> Start | Waiting:
    """What to do with `work` by way of one route."""
    state = states[route]
    slots = state.concurrency.allowed - state.in_flight
    if slots <= 0:
        return Waiting(demand.batch_id, "concurrency", "all allowed calls are in flight", None)
    want = min(slots, demand.startable, slots if demand.left is None else demand.left)
    offer = quota.admit(state.windows, want, now, state.cost)
    if isinstance(offer, Refused):
        return _refusal(demand, offer)
    if offer.probe:
        return Start(demand.batch_id, route, 1)
    return _paced(route, demand, demands, state, rules, offer.count, now, fitting=fitting)


def _refusal(demand: Demand, refused: Refused) -> Waiting:
    window = refused.window
    # What is left may pay for no call: then it is the reset that is waited for, too.
    spent = window.remaining == 0 or refused.until == window.resets_at
    full = spent and not isinstance(window.period, Rolling | Refill)
    if full and window.gate.reason is not ParkReason.OFFLINE:
        cause = (
            "capped"
            if isinstance(window.period, Grant) and _of_the_user(window)
            else ParkReason.SPENT
        )
    else:
        flows = isinstance(window.period, Rolling | Refill)
        cause = window.gate.reason or ("flow" if flows else ParkReason.RESET)
    return Waiting(demand.batch_id, cause, refused.why, refused.until, window)


def _of_the_user(window: Window) -> bool:
    return window.limit_source is Source.CONFIGURED


def _paced(
    route: Route,
    demand: Demand,
    demands: Sequence[Demand],
    state: RouteState,
    rules: Rules,
    count: int,
    now: int,
    *,
    fitting: bool,
) -> Start | Waiting:
    """Start now, or at the next moment at which every calendar's budget is well spread."""
    if rules.pace is Pace.ASAP or (fitting and rules.pace is Pace.AUTO):
        return Start(demand.batch_id, route, count)
    sharing = len({r for w in demands for r in w.routes if r[0] == route[0]})
    latest, bound = now, None
    for window in state.windows:
        start = _spread(window, state, sharing, rules.hours, now)
        if start is not None and (bound is None or start > latest):
            latest, bound = start, window
    if bound is None:
        return Start(demand.batch_id, route, count)
    if latest > now:
        return Waiting(demand.batch_id, "pace", "spreading the day's budget", latest, bound)
    return Start(demand.batch_id, route, 1)


def _spread(
    window: Window, state: RouteState, sharing: int, hours: Hours | None, now: int
) -> int | None:
    """When the next call may start if `window`'s budget is spread; None if nothing bounds it.

    RouteStates share their account's room: each plans with its part, and takes what others leave.
    """
    left = window.calls_left(state.cost)
    if left is None or not isinstance(window.period, Calendar):
        return None
    budget = left if window.model else -(-left // sharing)
    return pacing.next_start(
        budget=budget,
        last_start=state.last_start,
        resets_at=window.resets_at,
        now=now,
        hours=hours,
    )


def _fits(demand: Demand, demands: Sequence[Demand], states: Mapping[Route, RouteState]) -> bool:
    """Whether all jobs that go the ways of `work` fit what today still allows on them."""
    routes = set(demand.routes)
    calls = sum(w.calls for w in demands if routes & set(w.routes))
    room = room_of({r: states[r] for r in routes}, {r for w in demands for r in w.routes})
    return room is None or calls <= room
