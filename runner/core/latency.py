"""Whether more calls in flight get more done, or only wait for one another: is there a queue?

A server that works on P calls at a time and queues the rest answers no faster with more in
flight: by Little's law (L = X W), what a call takes then grows as the number in flight does. So
the mean of what calls take at one number is compared with the mean at another, as TCP Vegas and
Netflix's gradient limiter compare a round trip with the shortest. But replies differ in length by
nature, and the shortest says nothing: means of logarithms are compared, with their standard
errors, and what looks like a queue is put to the proof. Half as many calls in flight must then
take half as long each; if they do not, the prompts have changed, and nothing is taken away.

    WATCH    a round at the present number. Slower than the base line by more than chance: CONFIRM
    CONFIRM  a round at the same number, without growth. A number that was only tried is given up;
             one that was thought good is halved: HALVED
    HALVED   faster in proportion: it was a queue; halve again, until it makes no difference, and
             settle a little above what keeps the server busy. Else: restore the number
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

# A queue shorter than this is nobody's business; so is one in this program's own turns.
FLOOR_MS = 50
# Calls that take this much longer (a natural logarithm: a factor of 1.4) may be in a queue...
MARGIN = 0.35
# ... if that is so many standard errors above chance, and so many calls wait in it (TCP Vegas'
# alpha): one call that waits keeps a server busy between two turns.
SURE = 2.0
WAITING = 1.5
# A comparison is decided by so many standard errors, or by so many answers; a mean is known when
# so many standard errors are no more than DOUBT.
DECIDED = 1.5
ENOUGH = 16
DOUBT = 0.25
# Halved, a queue's calls take half as long (1), others as long as before (0).
QUEUED = 0.5
# More than the server works on at once, to keep it busy while answers travel.
HEADROOM = 1.25
# Measurements before this many lose their weight.
MEMORY = 256
# The spread of replies before any was measured: a factor of 1.6, as if two answers had shown it.
USUAL_VARIANCE = 0.25
USUAL_FREEDOM = 2


class Phase(Enum):
    """What the present round is for."""

    WATCH = auto()
    CONFIRM = auto()
    HALVED = auto()


class Move(Enum):
    """What a round says about the number of calls in flight."""

    WAIT = auto()  # too few answers yet
    GROW = auto()  # no queue: more may be tried
    STAY = auto()  # perhaps a queue: no more before that is known
    SET = auto()  # this number for the next round
    BACK = auto()  # a queue: the number that was only tried is given up
    SETTLE = auto()  # a queue begins above this number


class Level(NamedTuple):
    """What calls took with `calls` in flight: mean of the logarithms (of ms), and of how many."""

    calls: int
    mean: float
    answers: int


class Latency(NamedTuple):
    """The round under way, and what is known from those before.

    Attributes:
        calls: How many calls are in flight in this round.
        answers: How many are measured; below 0: so many more are left out.
        total: Sum of the logarithms.
        squares: Sum of their squares.
        variance: Of the logarithms within a round, over all rounds.
        freedom: The degrees of freedom of `variance`.
        base: What calls take without a queue.
        phase: What the round is for.
        top: The number that was halved first.
        before: The number that was halved last.
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
    """A new round with `calls` in flight, of which the first `settling` answers are left out.

    Where the number changes, the calls of about one round trip met the queue of the round before.
    """
    return latency._replace(calls=calls, answers=-settling, total=0.0, squares=0.0)


def undisturbed(latency: Latency) -> Latency:
    """The search for a queue is broken off; what was measured is kept."""
    return latency._replace(phase=Phase.WATCH, top=None, before=None)


def sampled(latency: Latency, sent: Sequence[int], now: int) -> Latency:
    """The round with the answers of now, to calls that were sent at `sent`."""
    answers, total, squares = latency.answers, latency.total, latency.squares
    for moment in sent:
        answers += 1
        if answers > 0:
            log = math.log(max(FLOOR_MS, now - moment))
            total += log
            squares += log * log
    return Latency(latency.calls, answers, total, squares, *latency[4:])


def is_round(latency: Latency) -> bool:
    """Whether as many were answered as are in flight: about one round trip."""
    return latency.answers >= latency.calls


def judged(latency: Latency, wall: int | None) -> _Judgement:
    """What a whole round says, and the number of calls it says that of.

    Args:
        latency: The state at the end of the round.
        wall: The number remembered as too many; None while there is none.
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
    if DECIDED * _error(known, here) > DOUBT and here.answers < ENOUGH:
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
    doubt = DECIDED * _error(known, here, before) / expected
    if abs(faster - QUEUED) < doubt and here.answers < ENOUGH:
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
    """The standard error of a level's mean, or of the difference of two."""
    return math.sqrt(known.variance * sum(1 / level.answers for level in levels))


def _waiting(here: Level, base: Level) -> float:
    """How many of the calls in flight wait for others (TCP Vegas: W (1 - base / now))."""
    return here.calls * (1 - math.exp(base.mean - here.mean))


def _pooled(one: Level, other: Level) -> Level:
    answers = one.answers + other.answers
    mean = (one.mean * one.answers + other.mean * other.answers) / answers
    return Level(max(one.calls, other.calls), mean, min(answers, MEMORY))
