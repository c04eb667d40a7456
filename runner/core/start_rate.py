"""How fast calls may start: the search for the rate that a provider lets in.

It begins where the number of calls in flight does not explain a refusal, with what was let in
between two refusals: a token bucket that is empty at both has let in exactly its rate.

    held      a rate that has held. After 1 / step starts a higher one is tried: held (1 + step)
    tried     holds for 1.5 / step starts: it is held now. Twice in a row: the step doubles
    refused   while tried: back to what held, half the step. So the tries come after 64, 128,
              256, ... starts, the nearer to the truth
    refused   while held: down to what was let in since the last refusal

Refusals of a whole window (60 a minute) come when it is used up, not when calls are too fast: each
step therefore lasts as long as the longest drought has.

A start is late by a turn of the engine now and then; `CATCH_UP_MS` may be made up for, where the
gap between two starts is shorter. Where it is longer, the gap is kept exactly: a limiter without
burst (nginx's default) refuses what comes a millisecond early.
"""

from __future__ import annotations

import math
from typing import NamedTuple

CATCH_UP_MS = 20
# A rate that was tried is held after so many starts, in units of 1 / step: by then a bucket of
# one token and a half has run dry if the rate was too high.
PROOF = 2.5
LEAST_STEP = 1 / 1_024
LEAST_RATE = 1 / 60_000
# From so many starts on, what was let in between two refusals says more than what was thought.
TRUSTED = 16
# A rate that was kept up for longer than a drought that follows keeps at least this part.
PROVEN = 0.75
# A drought that is shorter is no outage; one that is longer is not the end of a window. (Longer
# windows than a minute's are quotas, and not this module's.)
OUTAGE_MS = 5_000
WINDOW_MS = 75_000
LONG_BEFORE = 4


class StartRate(NamedTuple):
    """The search, between two events; rates are calls a millisecond.

    Attributes:
        next_at: No call starts before this moment.
        proof: Starts at `rate`, one after the other as soon as it let them.
        held: The rate that has held.
        rate: The rate of now: `held`, or a higher one that is tried.
        step: How much higher the next try is, as a part of `held`.
        since: When `rate` was taken up.
        span: So long a rate lasts at least before another one is tried, in ms.
        successes: How many tries in a row have held.
    """

    next_at: float
    proof: int
    held: float
    rate: float
    step: float
    since: int = 0
    span: int = 0
    successes: int = 0

    @property
    def gap(self) -> float:
        """Milliseconds between two starts."""
        return 1 / self.rate


def learned(rate: float, step: float, now: int, span: int = 0) -> StartRate:
    """`rate` has been let in; up to `step` more may be."""
    rate, step = max(LEAST_RATE, rate), min(1.0, max(LEAST_STEP, step))
    return StartRate(now + 1 / rate, 0, rate, rate, step, now, span)


def room(r: StartRate, now: int) -> int:
    """How many calls may start now."""
    if now < r.next_at:
        return 0
    late = min(now - r.next_at, max(0.0, CATCH_UP_MS - r.gap))
    return 1 + int(late * r.rate)


def started(r: StartRate, count: int, now: int, *, bound: bool) -> StartRate:
    """After `count` starts; `bound` tells whether it was this rate that they had waited for."""
    gap = 1 / r.rate
    next_at = max(r.next_at, now - max(0.0, CATCH_UP_MS - gap)) + count * gap
    if not bound:
        return StartRate(next_at, *r[1:])
    return _proven(StartRate(next_at, r.proof + count, *r[2:]), now)


def refused(r: StartRate, admitted: int, ms: int, now: int, *, dry: bool) -> StartRate:
    """After a refusal that this rate is to blame for.

    Args:
        r: The search.
        admitted: How many calls were let in since the last refusal (at least 1).
        ms: How long ago that was.
        now: The present moment.
        dry: That refusal was the last of a drought: the interval begins with nothing left.
    """
    measured = admitted / ms
    # A standard deviation below what was held: that was held only by what had been saved up.
    below = (admitted + math.sqrt(admitted)) / ms < r.held
    if r.rate > r.held and not (dry and below and admitted < TRUSTED):
        held = measured if below else min(max(r.held, measured), r.rate)
        step = r.step / 2
    else:
        least = 0.0 if dry else r.held * admitted / (admitted + 1)
        held = min(r.held, max(measured, least))
        step = max(r.step / 2, 1 / (admitted + 1))
    return learned(held, step, now, r.span)


class Cycle(NamedTuple):
    """From the end of one drought to the end of the next.

    Attributes:
        admitted: How many calls were let in.
        ms: How long it was.
        drought_ms: How much of that was the drought.
        unsure_ms: So long ago the drought may have ended, unseen: nothing was sent meanwhile.
    """

    admitted: int
    ms: int
    drought_ms: int
    unsure_ms: int


def resumed(r: StartRate | None, cycle: Cycle, now: int, *, first: bool) -> StartRate:
    """After a drought; `first` tells that it was the first one of this route.

    Either a window was used up: cycle for cycle it lets in what it is for. Or the server was out:
    half of what went well before is tried, and doubled at every start that is let in.
    """
    good_ms = max(1, cycle.ms - cycle.drought_ms)
    if _was_outage(cycle, good_ms, known=r is not None, first=first):
        half = cycle.admitted / good_ms / 2
        return learned(min(half, r.held), 1.0, now, r.span) if r else learned(half, 1.0, now)
    rate = cycle.admitted / (cycle.ms - cycle.unsure_ms / 2)
    step = max(1 / (cycle.admitted + 1), cycle.unsure_ms / cycle.ms / 2)
    if r is None:
        return learned(rate, step, now, cycle.drought_ms)
    proven = now - cycle.drought_ms - r.since >= cycle.drought_ms
    held = min(r.held, max(rate, PROVEN * r.held if proven else 0.0))
    span = max(r.span, cycle.drought_ms) if cycle.drought_ms > good_ms else r.span
    return learned(held, max(step, (r.held / held - 1) / 2), now, span)


def _was_outage(cycle: Cycle, good_ms: int, *, known: bool, first: bool) -> bool:
    """Whether a drought had nothing to do with what was sent in the `good_ms` before it.

    A window that is used up is closed for most of the cycle, at least where its rate is not known.
    """
    drought_ms = cycle.drought_ms
    if drought_ms > WINDOW_MS:
        return True
    long_before = good_ms >= LONG_BEFORE * drought_ms
    if drought_ms < OUTAGE_MS:
        return long_before and not known
    as_long = 2 * good_ms >= drought_ms
    return as_long and not (known and (long_before or not first))


def _proven(r: StartRate, now: int) -> StartRate:
    """The next rate, when this one has been kept up long enough."""
    if now - r.since < r.span:
        return r
    if r.rate <= r.held:
        if r.proof * r.step < 1:
            return r
        return r._replace(rate=r.held * (1 + r.step), proof=0, since=now)
    if r.proof * (r.rate / r.held - 1) < PROOF:
        return r
    successes = r.successes + 1
    step = min(1.0, 2 * r.step) if successes > 1 else r.step
    rate = r.rate * (1 + step)
    return r._replace(held=r.rate, rate=rate, step=step, proof=0, since=now, successes=successes)
