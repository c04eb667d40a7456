"""Which jobs start now, through which windows; or when to look again, and what is awaited.

It decides from what it is shown, and reserves nothing: the ledger decides again, on the same
functions, when it reserves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from runner.core import pacing, quota
from runner.core.gate import Cause
from runner.core.hours import Hours
from runner.core.lane import Lane, Route, room_of
from runner.core.pacing import Pace
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.quota import Refused
from runner.core.window import Source, Window


class Rotate(StrEnum):
    """How the routes of a batch are used."""

    PREFER = "prefer"  # in order: the next one when the one before cannot go on
    SPREAD = "spread"  # all of them, the one with the most room first


@dataclass(frozen=True, slots=True)
class Work:
    """A batch with jobs that are ready, or will be at `due` at the earliest.

    `routes` are the ways its calls may take, the preferred one first; `left` is how many calls
    the user still allows it, None for as many as it takes; `share` is how much it has had beside
    the others; `pack` is how many jobs a full call carries, `running` how many are in calls under
    way, and `pending` how many the provider works on.
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
    works: Sequence[Work], lanes: Mapping[Route, Lane], rules: Rules, now: int
) -> Start | Wait:
    """The next thing to do.

    Batches go by priority; those of the same priority share alike, the oldest first. One that
    must wait never holds up the next, nor does one of its routes.
    """
    reasons: list[Waiting] = []
    for work in sorted(works, key=lambda w: (w.priority, w.share, w.batch_id)):
        decision = _decide_one(work, works, lanes, rules, now)
        if isinstance(decision, Start):
            return decision
        reasons.append(decision)
    moments = [reason.until for reason in reasons if reason.until is not None]
    return Wait(min(moments, default=None), tuple(reasons))


def _decide_one(
    work: Work, works: Sequence[Work], lanes: Mapping[Route, Lane], rules: Rules, now: int
) -> Start | Waiting:
    if (held := _held_back(work, rules, now)) is not None:
        return held
    fitting = _fits(work, works, lanes)
    waits: list[Waiting] = []
    for route in _in_order(work, lanes):
        decision = _through(route, work, works, lanes, rules, now, fitting=fitting)
        if isinstance(decision, Start):
            return decision
        waits.append(decision)
        if decision.cause == "concurrency" and fitting and work.rotate is Rotate.PREFER:
            break  # the preferred way has room for all of it, only not at once
    return _soonest(waits)


def explain(
    work: Work, works: Sequence[Work], lanes: Mapping[Route, Lane], rules: Rules, now: int
) -> dict[Route, Start | Waiting]:
    """What holds `work` back on each of its ways, or how many of its jobs could start there."""
    held, fitting = _held_back(work, rules, now), _fits(work, works, lanes)
    return {
        route: held or _through(route, work, works, lanes, rules, now, fitting=fitting)
        for route in work.routes
    }


def _held_back(work: Work, rules: Rules, now: int) -> Waiting | None:
    """Why `work` cannot go on, whichever way."""
    if work.ready == 0:
        if work.waiting:
            return Waiting(work.batch_id, "due", "retrying after a fault", work.due)
        idle = work.pending and not work.running
        why = "the provider is at work on it" if idle else "waiting for the calls in flight"
        return Waiting(work.batch_id, "in flight", why, None)
    if work.startable == 0:
        why = "waiting for the calls in flight, to fill the next one"
        return Waiting(work.batch_id, "in flight", why, None)
    if rules.hours and (opens := rules.hours.opens_at(now)) > now:
        return Waiting(work.batch_id, "hours", "outside the configured hours", opens)
    if work.left == 0:
        return Waiting(work.batch_id, "capped", "as many calls as the job file allows", None)
    return None


def _in_order(work: Work, lanes: Mapping[Route, Lane]) -> list[Route]:
    """The routes of `work`, the one to try first in front."""
    if work.rotate is Rotate.PREFER:
        return list(work.routes)
    return sorted(work.routes, key=lambda route: -_roominess(lanes[route]))


def _roominess(lane: Lane) -> float:
    return float("inf") if lane.room is None else lane.room


def _soonest(waits: Sequence[Waiting]) -> Waiting:
    """Of the reasons why each route waits, the one that ends first: the batch goes on with it."""
    return min(waits, key=lambda w: float("inf") if w.until is None else w.until)


def _through(
    route: Route,
    work: Work,
    works: Sequence[Work],
    lanes: Mapping[Route, Lane],
    rules: Rules,
    now: int,
    *,
    fitting: bool,
) -> Start | Waiting:
    """What to do with `work` by way of one route."""
    lane = lanes[route]
    slots = lane.concurrency.allowed - lane.in_flight
    if slots <= 0:
        return Waiting(work.batch_id, "concurrency", "all allowed calls are in flight", None)
    want = min(slots, work.startable, slots if work.left is None else work.left)
    offer = quota.admit(lane.windows, want, now, lane.cost)
    if isinstance(offer, Refused):
        return _refusal(work, offer)
    if offer.probe:
        return Start(work.batch_id, route, 1)
    return _paced(route, work, works, lane, rules, offer.count, now, fitting=fitting)


def _refusal(work: Work, refused: Refused) -> Waiting:
    window = refused.window
    # What is left may pay for no call: then it is the reset that is waited for, too.
    spent = window.room == 0 or refused.until == window.resets_at
    full = spent and not isinstance(window.period, Rolling | Refill)
    if full and window.gate.cause is not Cause.OFFLINE:
        cause = (
            "capped" if isinstance(window.period, Grant) and _of_the_user(window) else Cause.SPENT
        )
    else:
        flows = isinstance(window.period, Rolling | Refill)
        cause = window.gate.cause or ("flow" if flows else Cause.RESET)
    return Waiting(work.batch_id, cause, refused.why, refused.until, window)


def _of_the_user(window: Window) -> bool:
    return window.limit_source is Source.CONFIGURED


def _paced(
    route: Route,
    work: Work,
    works: Sequence[Work],
    lane: Lane,
    rules: Rules,
    count: int,
    now: int,
    *,
    fitting: bool,
) -> Start | Waiting:
    """Start now, or at the next moment at which every calendar's budget is well spread."""
    if rules.pace is Pace.ASAP or (fitting and rules.pace is Pace.AUTO):
        return Start(work.batch_id, route, count)
    sharing = len({r for w in works for r in w.routes if r[0] == route[0]})
    latest, bound = now, None
    for window in lane.windows:
        start = _spread(window, lane, sharing, rules.hours, now)
        if start is not None and (bound is None or start > latest):
            latest, bound = start, window
    if bound is None:
        return Start(work.batch_id, route, count)
    if latest > now:
        return Waiting(work.batch_id, "pace", "spreading the day's budget", latest, bound)
    return Start(work.batch_id, route, 1)


def _spread(window: Window, lane: Lane, sharing: int, hours: Hours | None, now: int) -> int | None:
    """When the next call may start if `window`'s budget is spread; None if nothing bounds it.

    Lanes share their account's room: each plans with its part, and takes what others leave.
    """
    left = window.calls_left(lane.cost)
    if left is None or not isinstance(window.period, Calendar):
        return None
    budget = left if window.model else -(-left // sharing)
    return pacing.next_start(
        budget=budget,
        last_start=lane.last_start,
        resets_at=window.resets_at,
        now=now,
        hours=hours,
    )


def _fits(work: Work, works: Sequence[Work], lanes: Mapping[Route, Lane]) -> bool:
    """Whether all jobs that go the ways of `work` fit what today still allows on them."""
    routes = set(work.routes)
    calls = sum(w.calls for w in works if routes & set(w.routes))
    room = room_of({r: lanes[r] for r in routes}, {r for w in works for r in w.routes})
    return room is None or calls <= room
