"""The limit on calls in flight: a search for the number that a server accepts.

    no wall known     doubled every round trip, one more for each answer (TCP's slow start)
    refused           the number that was refused is the wall; the limit is one below it
    below a wall      no growth before `patience` answers; then by 1, 2, 4, ..., a round each
    wall met again    `patience` doubles, so that the same wall is tried less and less often

A number that was refused while calls started in bunches is tried once more with its starts spread
over the round trip. If it is refused again, the number was too large. If it is not, the rate of
starts was too high, and start_rate.py learns it.

A queue is a wall without refusals; latency.py detects where it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runner.core import latency as latencies
from runner.core.latency import Latency, Move

# Answers before a refused number is tried again, at first and at most: each try costs a refusal.
PATIENCE = 64
MOST_PATIENCE = 1_024
# To try a queue again costs only waits of a round trip.
QUEUE_PATIENCE = 16
# A wall that is higher by more than this factor is a new one.
ELSEWHERE = 1.5
# The first refusals come while other calls that will be refused are in flight, so that the first
# wall is too high: a refusal at UNSETTLED of it lowers it, at most SETTLING times.
UNSETTLED = 0.75
SETTLING = 1


class InFlight(NamedTuple):
    """The state of the search between two events.

    Attributes:
        allowed: The present limit; answers raise it by fractions of a call.
        answers: The number of answers since the wall was met.
        latency: The measurements of the present round.
        ceiling: The largest limit, set by the user or the provider.
        step: The largest growth in the next round.
        wall: The number of calls that is known to be too large; None if none is known.
        patience: The number of answers before the wall is tried again.
        good: The number of calls in the last round without a queue.
        spread: Whether a refused number is being tried again with spread starts.
        settling: How often the wall may still be lowered as an overestimate.
    """

    allowed: float
    answers: int
    latency: Latency
    ceiling: int
    step: float
    good: int
    wall: int | None = None
    patience: int = PATIENCE
    spread: bool = False
    settling: int = 0

    @property
    def number(self) -> int:
        """The number of calls that may be in flight."""
        return int(self.allowed)


def new(start: int, ceiling: int) -> InFlight:
    """Returns the initial state, which allows `start` calls in flight."""
    start = min(start, ceiling)
    return InFlight(start, 0, Latency(start), ceiling, start, start)


def answered(f: InFlight, sent: Sequence[int], now: int) -> InFlight:
    """Returns the state after answers to calls sent at `sent`, while the limit was in use."""
    allowed = f.allowed
    if f.wall is None and f.latency.phase is latencies.Phase.WATCH:
        begun = f.latency.calls
        more = allowed + len(sent) * f.step / begun
        allowed = min(f.ceiling, begun + f.step, more)
    measured = latencies.sampled(f.latency, sent, now)
    f = InFlight(allowed, f.answers + len(sent), measured, *f[3:])
    return _judged(f) if latencies.is_round(measured) else f


def refused(f: InFlight, beside: int) -> InFlight:
    """Returns the state after a refusal with `beside` other calls in flight, which are accepted."""
    settling = SETTLING if f.wall is None else f.settling - 1
    return _walled(_afresh(f), max(1, beside))._replace(settling=max(0, settling))


def is_settling(f: InFlight, beside: int) -> bool:
    """Whether a refusal only shows that the wall is a little lower than assumed at first."""
    return f.wall is not None and f.settling > 0 and beside + 1 >= UNSETTLED * f.wall


def contradicts(f: InFlight, beside: int) -> bool:
    """Whether a wall cannot explain a refusal, since so few other calls were in flight."""
    return f.wall is not None and beside + 1 < f.wall and not is_settling(f, beside)


def tried_spread(f: InFlight, beside: int) -> InFlight:
    """Returns the state of another attempt at the refused number, whose starts are to be spread."""
    return _round(_walled(_afresh(f), beside), beside + 1)._replace(spread=True)


def without_wall(f: InFlight) -> InFlight:
    """Returns the state after a refusal that the number of calls did not cause."""
    return _round(_afresh(f), f.number)._replace(wall=None, patience=PATIENCE, spread=False)


def is_sure(f: InFlight) -> bool:
    """Whether the wall was met more than once."""
    return f.patience > PATIENCE


def undisturbed(f: InFlight) -> InFlight:
    """Returns the state in a new round, without a search for a queue or a higher number."""
    return _round(_afresh(f), f.number)._replace(spread=False)


def restarted(f: InFlight) -> InFlight:
    """Returns the state with one call at a time, for a route that has accepted none."""
    return _round(_afresh(f), 1)._replace(step=1.0, spread=False)


def _judged(f: InFlight) -> InFlight:
    """Returns the state after a whole round."""
    if f.spread:
        return without_wall(f)
    latency, move, calls = latencies.judged(f.latency, f.wall)
    f = f._replace(latency=latency)
    match move:
        case Move.WAIT:
            return f
        case Move.STAY:
            return f._replace(latency=latencies.begun(latency, f.number, f.number))
        case Move.SET:
            return _round(f, calls)
        case Move.BACK:
            return _walled(f, f.good, QUEUE_PATIENCE)
        case Move.SETTLE:
            return _walled(f, calls, QUEUE_PATIENCE)
        case _:
            return _grown(f)


def _grown(f: InFlight) -> InFlight:
    if f.wall is None:
        step = min(2 * f.step, f.allowed) if f.allowed >= f.latency.calls + f.step else f.step
        return _round(f, f.allowed)._replace(step=step)
    patient = f.answers < f.patience + f.latency.calls  # a whole round below the wall, at least
    limit = min(f.ceiling, f.wall - 1) if patient else f.ceiling
    f = f._replace(good=f.latency.calls)
    if limit <= f.allowed:
        return _round(f, f.allowed)
    return _round(f, min(limit, f.allowed + f.step))._replace(step=2 * f.step)


def _walled(f: InFlight, calls: int, patience: int = PATIENCE) -> InFlight:
    """Returns the state with the wall right above `calls`."""
    wall = calls + 1
    again = f.wall is not None and wall <= ELSEWHERE * f.wall and not f.spread
    patience = min(MOST_PATIENCE, 2 * f.patience) if again else patience
    f = f._replace(wall=wall, patience=patience, answers=0, good=calls, step=1.0, spread=False)
    return _round(f, calls)


def _round(f: InFlight, allowed: float) -> InFlight:
    """Returns the state in a new round, whose first round trip is skipped if the limit changes."""
    old, calls = f.number, int(allowed)
    settling = 0 if calls == old else max(calls, old)
    return f._replace(allowed=allowed, latency=latencies.begun(f.latency, calls, settling))


def _afresh(f: InFlight) -> InFlight:
    """Returns the state with the search for a queue aborted."""
    return f._replace(latency=latencies.undisturbed(f.latency))
