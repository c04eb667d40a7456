"""Adaptive limits of one route: calls in flight (in_flight.py) and start rate (start_rate.py).

A route is a model on an account. Servers do not state these limits, so they are learned from the
replies: answers raise both; a refusal ("too many", whatever its status) lowers one of them. The
first line that applies decides which one:

    a number is tried again, starts spread          the number
    nothing was accepted since the last refusal,    a backoff: one call at a time, after waits
    or it met a lone call, or named its wait        (backoff.py); then at the accepted rate
    starts came as fast as the rate allowed         the rate
    no number was known to be too large             the number, if it is refused again when the
                                                    starts are spread; else the rate
    as many in flight as were refused before        the number
    fewer in flight                                 the rate is learned

A burst of refusals counts once: among the calls that were sent before the first refusal came, each
further refusal subtracts one from the accepted calls, and the decision is made again.

Refusals may also come at random, whatever the load; random_refusals.py tells which.

All functions are pure, `(state, event, now) -> state`. Moments are whole milliseconds of one
monotonic clock. The state is in controller_state.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from runner.core import backoff as backoffs
from runner.core import in_flight as flights
from runner.core import load_experiment as experiments
from runner.core import random_refusals as randoms
from runner.core import start_rate as rates
from runner.core.backoff import Backoff
from runner.core.controller_state import NEVER, Controller, Cut, Tally
from runner.core.start_rate import Cycle, StartRate

# The refusals of a burst come within this time, in which no call starts.
BURST_MS = 50
# A pause up to this is a turn of the engine; a longer one means a lack of demand, and is ignored.
TURN_MS = 20
# A wait this long, named to a route without a known rate, begins a backoff.
LONG_WAIT_MS = 1_000
# A first refusal is tried again with spread starts below this number in flight: with more, waiting
# for `in_flight.PATIENCE` answers takes only a few round trips.
MOST_SPREAD = 16
# Starts are spread over a little less than the round trip, to use the server's whole capacity.
SPREAD = 1.25
# Their largest number in flight is evidence only if this many calls were accepted.
TELLING = 8
TELLING_BESIDE = 3


def new(start: int, ceiling: int) -> Controller:
    """Returns the state of a new route: `start` calls in flight, and never more than `ceiling`."""
    return Controller(flights.new(start, ceiling))


def room(c: Controller, in_flight: int, now: int) -> tuple[int, int | None]:
    """Returns how many calls may start; if none, also when one may (None: when a call ends)."""
    if now < c.hold_until:
        return 0, c.hold_until
    free = c.in_flight.number - in_flight
    if c.backoff.refusals:
        free = min(1, c.in_flight.ceiling - in_flight)
        tried = c.tally.admitted and in_flight
        if tried and now < (let_in_at := backoffs.let_in_at(c.backoff, c.refusal_ms)):
            return 0, let_in_at
    if free <= 0:
        return 0, None
    if c.rate is None:
        return free, None
    if now < c.rate.next_at:
        return 0, math.ceil(c.rate.next_at)
    return min(free, rates.room(c.rate, now)), None


def started(c: Controller, count: int, now: int, in_flight: int) -> Controller:
    """Returns the state after `count` starts, with which `in_flight` calls are in flight."""
    if c.backoff.refusals:
        c = _tried(c, now)
    t, rate, paced = c.tally, c.rate, False
    ready_at = max(t.free_at, c.hold_until) if t.free_at < NEVER else now
    if rate is not None:
        paced = rate.next_at >= ready_at and now - rate.next_at <= TURN_MS
        ready_at = max(ready_at, int(rate.next_at))
        rate = rates.started(rate, count, now, bound=paced and not c.in_flight.spread)
    idle = max(0, now - ready_at - TURN_MS)
    since, cycle_at = (now, now) if t.since is None else (t.since + idle, t.cycle_at + idle)
    free_at = now if in_flight < c.in_flight.number else NEVER
    admitted, cycle, most = t.admitted + count, t.cycle + count, max(t.most, t.beside)
    tally = Tally(since, admitted, cycle_at, cycle, free_at, paced, in_flight, most)
    return Controller(c.in_flight, c.usual_ms, tally, rate, *c[4:])


def answered(c: Controller, sent: Sequence[int], now: int, in_flight: int) -> Controller:
    """Returns the state after answers to calls sent at `sent`; `in_flight` calls are left.

    A rejection is an answer: it proves that the server accepts calls. The refusals of the same turn
    must be applied first.
    """
    answers, allowed = len(sent), c.in_flight.number
    mean = now - sum(sent) / answers
    weight = min(1.0, answers / max(4, allowed)) if c.usual_ms else 1.0
    usual_ms = c.usual_ms + weight * (mean - c.usual_ms)
    if c.backoff.refusals and max(sent) > c.cut.at:
        c = _recovered(c, max(sent))
    if c.random.experiment is not None and randoms.is_over(c.random.experiment, c.tally.admitted):
        c = experiments.kept(c, now)
    f, tally = c.in_flight, c.tally
    full = in_flight + answers >= allowed
    if (full or f.spread) and not c.backoff.refusals:
        f = flights.answered(f, sent, now)
    if in_flight < f.number and now < tally.free_at:
        tally = tally._replace(free_at=now)
    return Controller(f, usual_ms, tally, *c[3:])


def faulted(c: Controller, now: int) -> Controller:
    """Returns the state after a call that ended in a time-out, a server fault or a cancellation.

    That neither raises nor lowers a limit.
    """
    admitted = 0 if c.backoff.refusals else c.tally.admitted
    tally = c.tally._replace(free_at=min(now, c.tally.free_at), admitted=admitted)
    return c._replace(tally=tally)


def throttled(
    c: Controller, sent_at: int, wait_ms: int | None, now: int, in_flight: int
) -> Controller:
    """Returns the state after a refusal for load or pace.

    Args:
        c: The state.
        sent_at: When the call was sent.
        wait_ms: The wait that the provider named; it is kept exactly.
        now: The present moment.
        in_flight: The number of other calls in flight, with those that ended in the same turn.
    """
    tally = c.tally._replace(cycle=max(0, c.tally.cycle - 1))
    hold_until = max(c.hold_until, now + (wait_ms or 0))
    c = c._replace(tally=tally, hold_until=hold_until)
    if sent_at > c.cut.at:
        c, is_random = (c, False) if c.backoff.refusals else experiments.refused(c, wait_ms, now)
        c = c if is_random else _cut(c, sent_at, wait_ms, now, in_flight)
    elif not c.backoff.refusals and c.cut.before is not None:
        c = _cut_again(c, c.cut.before, wait_ms, now)
    if in_flight < c.in_flight.number and now < c.tally.free_at:
        return c._replace(tally=c.tally._replace(free_at=now))
    return c


def exhausted(c: Controller) -> bool:
    """Whether all calls have been refused for longer than throttling lasts.

    The caller then parks the model or the account. The first call after that is a probe.
    """
    return c.backoff.is_exhausted


def _cut(c: Controller, sent_at: int, wait_ms: int | None, now: int, in_flight: int) -> Controller:
    """Returns the state after the first refusal of a burst."""
    t = c.tally
    ms = max(1, now - (now if t.since is None else t.since))
    before = c._replace(cut=Cut())  # otherwise every state would keep all earlier ones alive
    c = c._replace(random=randoms.after_cut(c.random))
    c = c._replace(
        cut=Cut(now, max(0, t.admitted - 1), ms, in_flight, before),
        tally=t._replace(since=now, admitted=0, beside=0, most=0),
        refusal_ms=max(now - sent_at, c.refusal_ms * 3 // 4),
    )
    if c.backoff.refusals:
        again = c.backoff._replace(refusals=c.backoff.refusals + 1)
        return _waiting(c, again, wait_ms, now)
    pause = now + min(BURST_MS, now - sent_at)
    return _decided(c._replace(hold_until=max(c.hold_until, pause)), wait_ms, now)


def _cut_again(c: Controller, before: Controller, wait_ms: int | None, now: int) -> Controller:
    """Returns the state after one more refusal of the same burst."""
    cut = c.cut._replace(admitted=c.cut.admitted - 1, beside=c.cut.beside - 1)
    c = c._replace(
        in_flight=before.in_flight,
        rate=before.rate,
        backoff=before.backoff,
        cut=cut,
        random=randoms.after_cut(before.random),
        before_experiment=None,
    )
    return _decided(c, wait_ms, now)


def _decided(c: Controller, wait_ms: int | None, now: int) -> Controller:
    """Returns the state with one limit lowered, by the table in the module's docstring."""
    f, rate, cut = c.in_flight, c.rate, c.cut
    weight = 0.0 if wait_ms is not None else experiments.suspicion(c)
    if f.spread:
        c = c._replace(in_flight=flights.refused(f, cut.beside), rate=None)
    elif _is_backoff(c, wait_ms):
        f = flights.undisturbed(f) if c.tally.cycle > 0 else flights.restarted(f)
        random = c.random if cut.admitted > 0 else randoms.explained(c.random)
        c = c._replace(in_flight=f, random=random)
        return _waiting(c, backoffs.begun(c.backoff, c.tally.cycle, now), wait_ms, now)
    elif rate is not None and (c.tally.paced or c.backoff.over) and not _outnumbered(c):
        c = c._replace(rate=_slower(c, rate, now))
    elif f.wall is None and rate is None and c.usual_ms and cut.beside < MOST_SPREAD:
        spread = rates.learned(SPREAD * (cut.beside + 1) / c.usual_ms, 0.5, now)
        c = c._replace(in_flight=flights.tried_spread(f, cut.beside), rate=spread)
    elif not flights.contradicts(f, cut.beside):
        c = c._replace(in_flight=flights.refused(f, cut.beside))
    elif rate is not None:
        c = c._replace(in_flight=flights.without_wall(f), rate=_slower(c, rate, now))
    else:
        let_in = cut.admitted / cut.ms
        more = f.number / max(1.0, c.usual_ms) / let_in - 1  # as many as were in flight: Little
        learned = rates.learned(let_in, max(1 / (cut.admitted + 1), more), now)
        c = c._replace(in_flight=flights.without_wall(f), rate=learned)
    return experiments.suspected(c._replace(backoff=c.backoff._replace(over=False)), weight, now)


def _is_backoff(c: Controller, wait_ms: int | None) -> bool:
    if c.rate is None:
        if c.cut.beside <= 0 or (wait_ms or 0) >= LONG_WAIT_MS:
            return True
        if flights.is_settling(c.in_flight, c.cut.beside):
            return False
    return c.cut.admitted <= 0


def _outnumbered(c: Controller) -> bool:
    """Whether the number of calls explains a refusal of paced ones: it was never accepted before.

    A rate above the accepted one is suspected first at a low number, which a late answer may have
    raised.
    """
    if c.rate is None or c.cut.before is None or c.cut.admitted < TELLING:
        return False
    tried = c.rate.rate > c.rate.accepted and c.cut.beside < TELLING_BESIDE
    return not tried and c.cut.beside >= c.cut.before.tally.most


def _slower(c: Controller, rate: StartRate, now: int) -> StartRate:
    ms = c.cut.ms
    if c.cut.admitted >= rates.TRUSTED:  # a used-up window accepts nothing during its backoff
        ms = max(1, min(ms, c.cut.at - c.tally.cycle_at))
    return rates.refused(rate, c.cut.admitted, ms, now, dry=c.backoff.over)


def _waiting(c: Controller, backoff: Backoff, wait_ms: int | None, now: int) -> Controller:
    gap_ms = c.rate and c.rate.gap
    backoff, until = backoffs.wait(backoff, wait_ms, gap_ms, c.tally.cycle_at, now)
    return c._replace(backoff=backoff, hold_until=max(c.hold_until, until))


def _tried(c: Controller, now: int) -> Controller:
    """Returns the state after a start in a backoff: a probe, or a sign that the last one passed."""
    if c.tally.admitted:
        return _recovered(c, c.backoff.tried_at)
    idle = max(0, now - max(c.hold_until, c.tally.free_at) - TURN_MS)
    began_at = c.backoff.began_at + idle
    return c._replace(backoff=c.backoff._replace(tried_at=now, began_at=began_at))


def _recovered(c: Controller, sent_at: int) -> Controller:
    """Returns the state after a call of a backoff, sent at `sent_at`, was accepted."""
    t, d, f, rate = c.tally, c.backoff, c.in_flight, c.rate
    ms, backoff_ms = max(1, sent_at - t.cycle_at), max(0, sent_at - d.began_at)
    if t.cycle > 1:
        unsure_ms = min(ms, d.unsure_ms)
        cycle = Cycle(t.cycle - 1, ms, backoff_ms, unsure_ms, is_window=d.was_silent)
        rate = rates.resumed(rate, cycle, sent_at, first=not d.seen)
    if rate is not None and (backoff_ms < rates.OUTAGE_MS or not flights.is_sure(f)):
        f = flights.without_wall(f)
    return c._replace(
        in_flight=flights.undisturbed(f),
        rate=rate,
        backoff=backoffs.ended(d),
        tally=t._replace(cycle_at=sent_at, cycle=1),
    )
