"""Detection of a queue at the server: whether more calls in flight only wait for one another.

A server that works on P calls at a time and queues the rest has the same throughput with more in
flight: by Little's law (L = X W), the duration of a call then grows with the number in flight. So
the mean duration at one number is compared with the mean at another, as TCP Vegas and Netflix's
gradient limiter compare a round trip with the shortest. But the durations of replies vary widely,
and the shortest says nothing. So means of logarithms are compared, with their standard errors, and
a suspected queue is tested by an experiment: with half as many calls in flight, each must take half
the time. If it does not, the prompts have changed, and the number is restored.

    WATCH    a round at the present number. Significantly slower than the baseline: CONFIRM
    CONFIRM  a round at the same number, without growth. Still slower: a number that was tried is
             given up; one that was thought good is halved: HALVED
    HALVED   faster in proportion: it was a queue; halve again until it makes no difference, and
             settle a little above what keeps the server busy. Otherwise: restore the number
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

# The least duration that counts: shorter waits do not matter, and may be this program's own.
FLOOR_MS = 50
# A queue is suspected if the mean is longer by this natural logarithm (a factor of 1.4) ...
MARGIN = 0.35
# ... plus this many standard errors, and if more than WAITING calls wait (TCP Vegas' alpha): one
# waiting call keeps a server busy between two turns.
SURE = 2.0
WAITING = 1.5
# A comparison is decided by DECIDED standard errors or by ENOUGH answers; a mean is known when
# DECIDED standard errors are at most MAX_ERROR.
DECIDED = 1.5
ENOUGH = 16
MAX_ERROR = 0.25
# The threshold between a queue, whose calls take half the time when halved (1), and none (0).
QUEUED = 0.5
# The calls in flight per call that the server works on: they keep it busy while answers travel.
HEADROOM = 1.25
# The number of measurements in moving averages; older ones lose weight.
MEMORY = 256
# The variance before any reply: a standard deviation by a factor of 1.6, weighed as two answers.
USUAL_VARIANCE = 0.25
USUAL_FREEDOM = 2


class Phase(Enum):
    """The purpose of the present round."""

    WATCH = auto()
    CONFIRM = auto()
    HALVED = auto()


class Move(Enum):
    """What to do with the number of calls in flight after a round."""

    WAIT = auto()  # too few answers yet
    GROW = auto()  # no queue: try more
    STAY = auto()  # perhaps a queue: no growth until that is decided
    SET = auto()  # use the returned number in the next round
    BACK = auto()  # a queue: give up the number that was tried
    SETTLE = auto()  # a queue begins above the returned number


class Level(NamedTuple):
    """Mean logarithm of the durations (ms) of `answers` calls, with `calls` in flight."""

    calls: int
    mean: float
    answers: int


class Latency(NamedTuple):
    """The present round, and the results of the rounds before.

    Attributes:
        calls: The number of calls in flight in this round.
        answers: The number of measured answers; below 0, that many more will be skipped.
        total: The sum of the logarithms of their durations (ms).
        squares: The sum of the squares of these logarithms.
        variance: The variance of the logarithms within a round, pooled over all rounds.
        freedom: The degrees of freedom of `variance`.
        base: The baseline: the level without a queue.
        phase: The purpose of the round.
        top: The level that was halved first.
        before: The level that was halved last.
    """

    calls: int
    answers: int = 0
    total: float = 0.0
    squares: float = 0.0
    variance: float = USUAL_VARIANCE
    freedom: int = USUAL_FREEDOM
    base: Level | None = None
    phase: Phase = Phase.WATCH
    top: Level | None = None
    before: Level | None = None


_Judgement = tuple[Latency, Move, int]


def begun(latency: Latency, calls: int, settling: int) -> Latency:
    """Returns the state of a new round with `calls` in flight, which skips `settling` answers.

    After a change of the number, the calls of one round trip still met the queue of the old one.
    """
    return latency._replace(calls=calls, answers=-settling, total=0.0, squares=0.0)


def undisturbed(latency: Latency) -> Latency:
    """Returns the state with the search for a queue aborted, and its measurements kept."""
    return latency._replace(phase=Phase.WATCH, top=None, before=None)


def sampled(latency: Latency, sent: Sequence[int], now: int) -> Latency:
    """Returns the round with the answers that came at `now` to calls that were sent at `sent`."""
    answers, total, squares = latency.answers, latency.total, latency.squares
    for moment in sent:
        answers += 1
        if answers > 0:
            log = math.log(max(FLOOR_MS, now - moment))
            total += log
            squares += log * log
    return Latency(latency.calls, answers, total, squares, *latency[4:])


def is_round(latency: Latency) -> bool:
    """Whether as many calls were answered as are in flight: about one round trip."""
    return latency.answers >= latency.calls


def judged(latency: Latency, wall: int | None) -> _Judgement:
    """Returns the state after a whole round, the move, and the number of calls of the move.

    Args:
        latency: The state at the end of the round.
        wall: The number of calls that is known to be too many; None if none is known.
    """
    here = Level(latency.calls, latency.total / latency.answers, latency.answers)
    within = max(0.0, latency.squares - here.answers * here.mean**2)
    freedom = latency.freedom + here.answers - 1
    variance = (latency.variance * latency.freedom + within) / freedom
    known = latency._replace(variance=variance, freedom=min(freedom, MEMORY))
    judge = {Phase.WATCH: _watched, Phase.CONFIRM: _confirmed, Phase.HALVED: _halved}
    judgement = judge[latency.phase](known, here, wall)
    return (latency, Move.WAIT, here.calls) if judgement[1] is Move.WAIT else judgement


def _watched(known: Latency, here: Level, wall: int | None) -> _Judgement:
    base = known.base or here
    slower = here.mean - base.mean
    chance = SURE * _error(known, here, base)
    if slower > MARGIN + chance and _waiting(here, base) > WAITING:
        return known._replace(phase=Phase.CONFIRM), Move.STAY, here.calls
    if known.base is None or slower < -MARGIN - chance:
        base = here
    elif wall is None or here.calls <= base.calls:
        base = _pooled(base, here)
    return known._replace(base=base), Move.GROW, here.calls


def _confirmed(known: Latency, here: Level, wall: int | None) -> _Judgement:
    base = known.base or here
    if DECIDED * _error(known, here) > MAX_ERROR and here.answers < ENOUGH:
        return known, Move.WAIT, here.calls
    if here.mean - base.mean < MARGIN or _waiting(here, base) < WAITING:
        return known._replace(phase=Phase.WATCH), Move.GROW, here.calls
    if wall is not None and here.calls >= wall:
        return known._replace(phase=Phase.WATCH), Move.BACK, here.calls
    known = known._replace(phase=Phase.HALVED, top=here, before=here)
    return known, Move.SET, here.calls // 2


def _halved(known: Latency, here: Level, _: int | None) -> _Judgement:
    top, before = known.top or here, known.before or here
    expected = math.log(before.calls / here.calls)
    faster = (before.mean - here.mean) / expected
    error = DECIDED * _error(known, here, before) / expected
    if abs(faster - QUEUED) < error and here.answers < ENOUGH:
        return known, Move.WAIT, here.calls
    queued = faster >= QUEUED
    if queued and here.calls > 1:
        return known._replace(before=here), Move.SET, here.calls // 2
    base = here if queued else _pooled(here, before)
    known = known._replace(phase=Phase.WATCH, base=base, top=None, before=None)
    if not queued and before.calls == top.calls:
        return known, Move.SET, top.calls
    busy = top.calls * math.exp(base.mean - top.mean)  # Little: what the server works on at once
    settled = max(here.calls, round(HEADROOM * busy), round(busy) + 1)
    return known, Move.SETTLE, min(top.calls - 1, settled)


def _error(known: Latency, *levels: Level) -> float:
    """Returns the standard error of a level's mean, or of the difference of two."""
    return math.sqrt(known.variance * sum(1 / level.answers for level in levels))


def _waiting(here: Level, base: Level) -> float:
    """Returns how many of the calls in flight wait for others (TCP Vegas: W (1 - base / now))."""
    return here.calls * (1 - math.exp(base.mean - here.mean))


def _pooled(first: Level, second: Level) -> Level:
    answers = first.answers + second.answers
    mean = (first.mean * first.answers + second.mean * second.answers) / answers
    return Level(max(first.calls, second.calls), mean, min(answers, MEMORY))
