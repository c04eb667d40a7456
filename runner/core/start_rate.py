"""The limit on the start rate of calls: a search for the rate that a provider accepts.

It begins when the number of calls in flight does not explain a refusal, with the calls accepted
between two refusals: a token bucket that is empty at both has accepted exactly its rate.

    accepted  after 1 / step starts at this rate a higher one is tried: accepted (1 + step)
    tried     no refusal in 1.5 / step starts: it is accepted. Twice in a row: the step doubles
    refused   while tried: back to the accepted rate, half the step. So the tries come after
              64, 128, 256, ... starts as the rate approaches the limit
    refused   while accepted: down to the rate accepted since the last refusal

Refusals by a fixed window (60 a minute) come when it is used up, not when calls are too fast. So
each step lasts at least as long as the longest backoff has.

A start may be late by a turn of the engine. Up to `CATCH_UP_MS` of that is made up for, where the
gap between two starts is shorter. Where it is longer, the gap is kept exactly: a limiter without
burst (nginx's default) refuses a call that comes a millisecond early.
"""

from __future__ import annotations

import math
from typing import NamedTuple

CATCH_UP_MS = 20
# A higher rate is accepted after PROOF / step starts: by then a bucket of one and a half tokens has
# run dry if the rate was too high.
PROOF = 2.5
LEAST_STEP = 1 / 1_024
LEAST_RATE = 1 / 60_000
# From this many accepted starts on, the rate between two refusals outweighs the earlier estimate.
TRUSTED = 16
# A rate that was kept up for longer than the backoff after it keeps at least this part.
PROVEN = 0.75
# A backoff shorter than OUTAGE_MS is not an outage; one longer than WINDOW_MS does not end with a
# fixed window. (Windows longer than a minute are quotas, which are not handled here.)
OUTAGE_MS = 5_000
WINDOW_MS = 75_000
LONG_BEFORE = 4


class StartRate(NamedTuple):
    """The state of the search between two events; rates are in calls per millisecond.

    Attributes:
        next_at: No call starts before this moment.
        proof: The number of consecutive starts at `rate`, each as early as it allowed.
        accepted: The highest rate that was accepted.
        rate: The present rate: `accepted`, or a higher one that is tried.
        step: How much higher the next rate is, as a part of `accepted`.
        since: When `rate` was adopted.
        span: The least time before another rate is tried, in ms.
        successes: The number of consecutive higher rates that were accepted.
    """

    next_at: float
    proof: int
    accepted: float
    rate: float
    step: float
    since: int = 0
    span: int = 0
    successes: int = 0

    @property
    def gap(self) -> float:
        """The time between two starts, in ms."""
        return 1 / self.rate


def learned(rate: float, step: float, now: int, span: int = 0) -> StartRate:
    """Returns the state in which `rate` was accepted, and the next rate is higher by `step`."""
    rate, step = max(LEAST_RATE, rate), min(1.0, max(LEAST_STEP, step))
    return StartRate(now + 1 / rate, 0, rate, rate, step, now, span)


def room(r: StartRate, now: int) -> int:
    """Returns how many calls may start now."""
    if now < r.next_at:
        return 0
    late = min(now - r.next_at, max(0.0, CATCH_UP_MS - r.gap))
    return 1 + int(late * r.rate)


def started(r: StartRate, count: int, now: int, *, bound: bool) -> StartRate:
    """Returns the state after `count` starts; `bound` if they had waited for this rate."""
    gap = 1 / r.rate
    next_at = max(r.next_at, now - max(0.0, CATCH_UP_MS - gap)) + count * gap
    if not bound:
        return StartRate(next_at, *r[1:])
    return _proven(StartRate(next_at, r.proof + count, *r[2:]), now)


def refused(r: StartRate, admitted: int, ms: int, now: int, *, dry: bool) -> StartRate:
    """Returns the state after a refusal that this rate has caused.

    Args:
        r: The state before it.
        admitted: The number of calls accepted since the last refusal (at least 1).
        ms: The time since that refusal, in ms.
        now: The present moment.
        dry: Whether that refusal ended a backoff, so that the bucket was empty after it.
    """
    measured = admitted / ms
    # A standard deviation below `accepted`: only tokens saved up in the bucket allowed that.
    below = (admitted + math.sqrt(admitted)) / ms < r.accepted
    if r.rate > r.accepted and not (dry and below and admitted < TRUSTED):
        accepted = measured if below else min(max(r.accepted, measured), r.rate)
        step = r.step / 2
    else:
        least = 0.0 if dry else r.accepted * admitted / (admitted + 1)
        accepted = min(r.accepted, max(measured, least))
        step = max(r.step / 2, 1 / (admitted + 1))
    return learned(accepted, step, now, r.span)


def after_random_refusal(r: StartRate, share: float) -> StartRate:
    """Returns the state after a refusal that may be one of the random ones, a `share` of starts.

    It takes back half of the proof that such a refusal comes in, so that a rate at which twice as
    many are refused is never accepted.
    """
    return r._replace(proof=max(0, r.proof - int(0.5 / share))) if share else r


class Cycle(NamedTuple):
    """The time from the end of one backoff to the end of the next.

    Attributes:
        admitted: The number of calls accepted.
        ms: The duration.
        backoff_ms: The part of it that was the backoff.
        unsure_ms: How long before the end the backoff may have ended unnoticed, without calls.
        is_window: Whether it can only have been a window that the backoff itself kept exceeded.
    """

    admitted: int
    ms: int
    backoff_ms: int
    unsure_ms: int
    is_window: bool = False


def resumed(r: StartRate | None, cycle: Cycle, now: int, *, first: bool) -> StartRate:
    """Returns the state after a backoff; `first` if it was the first one of this route.

    Either a fixed window was used up: then the rate is that of the whole cycle. Or there was an
    outage: then it is half the rate before, and doubles at every accepted start.
    """
    good_ms = max(1, cycle.ms - cycle.backoff_ms)
    if _was_outage(cycle, good_ms, known=r is not None, first=first):
        half = cycle.admitted / good_ms / 2
        return learned(min(half, r.accepted), 1.0, now, r.span) if r else learned(half, 1.0, now)
    rate = cycle.admitted / (cycle.ms - cycle.unsure_ms / 2)
    step = max(1 / (cycle.admitted + 1), cycle.unsure_ms / cycle.ms / 2)
    if r is None:
        return learned(rate, step, now, cycle.backoff_ms)
    proven = now - cycle.backoff_ms - r.since >= cycle.backoff_ms
    accepted = min(r.accepted, max(rate, PROVEN * r.accepted if proven else 0.0))
    span = max(r.span, cycle.backoff_ms) if cycle.backoff_ms > good_ms else r.span
    return learned(accepted, max(step, (r.accepted / accepted - 1) / 2), now, span)


def _was_outage(cycle: Cycle, good_ms: int, *, known: bool, first: bool) -> bool:
    """Whether a backoff was an outage, independent of the calls in the `good_ms` before it.

    A fixed window that is used up is closed for most of the cycle, unless its rate is known.
    """
    backoff_ms = cycle.backoff_ms
    if cycle.is_window:
        return False
    if backoff_ms > WINDOW_MS:
        return True
    long_before = good_ms >= LONG_BEFORE * backoff_ms
    if backoff_ms < OUTAGE_MS:
        return long_before and not known
    as_long = 2 * good_ms >= backoff_ms
    return as_long and not (known and (long_before or not first))


def _proven(r: StartRate, now: int) -> StartRate:
    """Returns the state with the next rate if this one has been kept up long enough."""
    if now - r.since < r.span:
        return r
    if r.rate <= r.accepted:
        if r.proof * r.step < 1:
            return r
        return r._replace(rate=r.accepted * (1 + r.step), proof=0, since=now)
    if r.proof * (r.rate / r.accepted - 1) < PROOF:
        return r
    successes = r.successes + 1
    step = min(1.0, 2 * r.step) if successes > 1 else r.step
    rate = r.rate * (1 + step)
    return r._replace(
        accepted=r.rate, rate=rate, step=step, proof=0, since=now, successes=successes
    )
