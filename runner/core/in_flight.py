"""How many calls may be in flight at once: the search for the number that a server bears.

    no wall known     doubled every round trip, one more for each answer (TCP's slow start)
    refused           the number that was refused is the wall; as many as were borne beside it stay
    below a wall      no more before `patience` answers; then one more, 2, 4, ... more, a round each
    wall met again    `patience` doubles: the same wall is tried less and less

A number that was refused while calls started in bunches is tried once more with its starts spread
over the round trip. Refused again, it is the number that was too many. If it holds, it was the
rate of starts, and start_rate.py learns that.

A queue is a wall that refuses nothing; latency.py tells where it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runner.core import latency as latencies
from runner.core.latency import Latency, Move

# Answers before a number that was refused is tried again, and at most: a try costs one refusal.
PATIENCE = 64
MOST_PATIENCE = 1_024
# To try a queue again costs nobody anything but a round trip's wait.
QUEUE_PATIENCE = 16
# A wall this much farther is another one.
ELSEWHERE = 1.5
# The first refusals come while calls that will be refused are still in flight: the number they
# leave is too high by up to so much, so often.
UNSETTLED = 0.75
SETTLING = 1


class InFlight(NamedTuple):
    """The search, between two events.

    Attributes:
        allowed: So many may be in flight now; a fraction is an answer's part of one more.
        answers: Answers since the wall was met.
        latency: The round under way.
        ceiling: The user's, or the provider's, word: never more.
        step: By how much the next round may grow.
        wall: The number that is known as too many; None: none is.
        patience: Answers to wait for before the wall is tried.
        good: The number of the last round in which no queue was seen.
        spread: The number refused is being tried again, with spread starts.
        settling: How often the wall may still turn out lower than it was taken for.
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
        """How many calls may be in flight."""
        return int(self.allowed)


def new(start: int, ceiling: int) -> InFlight:
    """Nothing is known yet; `start` calls may fly."""
    start = min(start, ceiling)
    return InFlight(start, 0, Latency(start), ceiling, start, start)


def answered(f: InFlight, sent: Sequence[int], now: int) -> InFlight:
    """After answers to calls that were sent at `sent`, with as many in flight as were allowed."""
    allowed = f.allowed
    if f.wall is None and f.latency.phase is latencies.Phase.WATCH:
        begun = f.latency.calls
        more = allowed + len(sent) * f.step / begun
        allowed = min(f.ceiling, begun + f.step, more)
    measured = latencies.sampled(f.latency, sent, now)
    f = InFlight(allowed, f.answers + len(sent), measured, *f[3:])
    return _judged(f) if latencies.is_round(measured) else f


def refused(f: InFlight, beside: int) -> InFlight:
    """After a refusal while `beside` other calls were in flight: those were borne."""
    settling = SETTLING if f.wall is None else f.settling - 1
    return _walled(_afresh(f), max(1, beside))._replace(settling=max(0, settling))


def is_settling(f: InFlight, beside: int) -> bool:
    """Whether a refusal only tells that the wall is a little lower than the first one told."""
    return f.wall is not None and f.settling > 0 and beside + 1 >= UNSETTLED * f.wall


def contradicts(f: InFlight, beside: int) -> bool:
    """Whether a refusal with so few others in flight cannot be explained by a wall."""
    return f.wall is not None and beside + 1 < f.wall and not is_settling(f, beside)


def tried_spread(f: InFlight, beside: int) -> InFlight:
    """The number that was refused, once more; its starts are to be spread."""
    return _round(_walled(_afresh(f), beside), beside + 1)._replace(spread=True)


def without_wall(f: InFlight) -> InFlight:
    """It was not the number that was refused."""
    return _round(_afresh(f), f.number)._replace(wall=None, patience=PATIENCE, spread=False)


def is_sure(f: InFlight) -> bool:
    """Whether the wall was met more than once."""
    return f.patience > PATIENCE


def undisturbed(f: InFlight) -> InFlight:
    """Whatever was being found out about a queue is not any more."""
    return _round(_afresh(f), f.number)._replace(spread=False)


def restarted(f: InFlight) -> InFlight:
    """One at a time: nothing has ever been let in."""
    return _round(_afresh(f), 1)._replace(step=1.0, spread=False)


def _judged(f: InFlight) -> InFlight:
    """After a whole round."""
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
    """`calls` are borne, one more is not."""
    wall = calls + 1
    again = f.wall is not None and wall <= ELSEWHERE * f.wall and not f.spread
    patience = min(MOST_PATIENCE, 2 * f.patience) if again else patience
    f = f._replace(wall=wall, patience=patience, answers=0, good=calls, step=1.0, spread=False)
    return _round(f, calls)


def _round(f: InFlight, allowed: float) -> InFlight:
    """A new round; where the number changes, a round trip passes before it counts."""
    old, calls = f.number, int(allowed)
    settling = 0 if calls == old else max(calls, old)
    return f._replace(allowed=allowed, latency=latencies.begun(f.latency, calls, settling))


def _afresh(f: InFlight) -> InFlight:
    """Whatever was being found out about a queue is not any more."""
    return f._replace(latency=latencies.undisturbed(f.latency))
