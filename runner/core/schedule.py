"""Which jobs start now, through which windows; or when to look again, and what is awaited.

It decides from what it is shown, and reserves nothing: the ledger decides again, on the same
functions, when it reserves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runner.core import pacing, quota
from runner.core.concurrency import Concurrency
from runner.core.gate import Cause
from runner.core.pacing import Pace
from runner.core.quota import Refused, Window

Route = tuple[str, str]  # an account, and a model on it


@dataclass(frozen=True, slots=True)
class Work:
    """A batch with jobs that are ready, or will be at `due` at the earliest."""

    batch_id: int
    route: Route
    ready: int
    priority: int = 0
    waiting: int = 0
    due: int | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """The way of one model's calls: its windows and what is under way in it."""

    windows: tuple[Window, ...]
    concurrency: Concurrency = field(default_factory=Concurrency)
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Start up to `count` jobs of a batch."""

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
    works: Sequence[Work], lanes: Mapping[Route, Lane], pace: Pace, now: int
) -> Start | Wait:
    """The next thing to do.

    Batches go by priority, then age; one that must wait never holds up the next.
    """
    reasons: list[Waiting] = []
    for work in sorted(works, key=lambda w: (w.priority, w.batch_id, w.route)):
        decision = _decide_one(work, lanes[work.route], pace, _demand(work.route, works), now)
        if isinstance(decision, Start):
            return decision
        reasons.append(decision)
    moments = [reason.until for reason in reasons if reason.until is not None]
    return Wait(min(moments, default=None), tuple(reasons))


@dataclass(frozen=True, slots=True)
class _Demand:
    """What a lane's budget must serve: its jobs, beside the other lanes of the account."""

    jobs: int
    lanes: int


def _demand(route: Route, works: Sequence[Work]) -> _Demand:
    jobs = sum(work.ready + work.waiting for work in works if work.route == route)
    lanes = {work.route for work in works if work.route[0] == route[0]}
    return _Demand(jobs, len(lanes))


def _decide_one(work: Work, lane: Lane, pace: Pace, demand: _Demand, now: int) -> Start | Waiting:
    if work.ready == 0:
        why = "retrying after a fault" if work.waiting else "waiting for the calls in flight"
        return Waiting(work.batch_id, "due" if work.waiting else "in flight", why, work.due)
    slots = lane.concurrency.allowed - lane.in_flight
    if slots <= 0:
        return Waiting(work.batch_id, "concurrency", "all allowed calls are in flight", None)
    offer = quota.admit(lane.windows, min(slots, work.ready), now)
    if isinstance(offer, Refused):
        return _refusal(work, offer)
    if offer.probe:
        return Start(work.batch_id, work.route, 1)
    return _paced(work, lane, pace, demand, offer.count, now)


def _refusal(work: Work, refused: Refused) -> Waiting:
    gate = refused.window.gate
    spent = refused.window.room == 0 and gate.cause is not Cause.OFFLINE
    cause = Cause.SPENT if spent else (gate.cause or Cause.RESET)
    return Waiting(work.batch_id, cause, refused.why, refused.until, refused.window)


def _paced(
    work: Work, lane: Lane, pace: Pace, demand: _Demand, count: int, now: int
) -> Start | Waiting:
    budget, resets_at = _budget(lane.windows, demand.lanes)
    start = pacing.next_start(
        pace,
        budget=budget,
        waiting=demand.jobs,
        last_start=lane.windows[-1].started_at,
        resets_at=resets_at,
        now=now,
    )
    if start > now:
        why = "spreading the day's budget"
        return Waiting(work.batch_id, "pace", why, start, lane.windows[0])
    rationed = pacing.rationed(pace, budget=budget, waiting=demand.jobs)
    return Start(work.batch_id, work.route, 1 if rationed else count)


def _budget(windows: Sequence[Window], lanes_busy: int) -> tuple[int | None, int]:
    """The calls this lane may still make today, and the first reset.

    Lanes share their account's room: each plans with its part, and takes what others leave.
    """
    shares = [
        room if window.model else -(-room // lanes_busy)
        for window in windows
        if (room := window.room) is not None
    ]
    return min(shares, default=None), min(window.resets_at for window in windows)
