"""The experiment at less load that tells random refusals from those that depend on the load.

It is the rate that is lowered: by Little's law, the number of calls in flight falls with it. The
state before the experiment is kept, and comes back with its end. random_refusals.py decides when
there is an experiment and what it has shown.
"""

from __future__ import annotations

from runner.core import in_flight as flights
from runner.core import random_refusals as randoms
from runner.core import start_rate as rates
from runner.core.controller_state import Controller, Cut
from runner.core.random_refusals import EXPLAINED, Meaning

# The part of the rate that is kept in an experiment: no limit that was near refuses anything there,
# and little is lost if the experiment was needless.
LESS = 0.85
# How much higher a rate is tried first after an experiment, where none was known before.
STEP = 0.5


def refused(c: Controller, wait_ms: int | None, now: int) -> tuple[Controller, bool]:
    """Returns the state after a refusal outside a backoff, and whether it lowers no limit.

    A provider that names a wait (`wait_ms`) has a limit.
    """
    if wait_ms is not None:
        return (c if c.random.experiment is None else kept(c, now)), False
    t = c.tally
    ms = now - (now if t.since is None else t.since)
    random, meaning = randoms.refused(c.random, max(0, t.admitted - 1), ms)
    c = c._replace(random=random)
    if meaning is Meaning.LIMIT:
        return c, False
    if meaning is Meaning.KEEP:
        return kept(c, now), False
    if meaning is Meaning.LIFT:
        return _lifted(c, now), True
    rate = c.rate and rates.after_random_refusal(c.rate, random.share)
    return c._replace(tally=t._replace(admitted=random.counted), rate=rate), True


def suspicion(c: Controller) -> float:
    """Returns how suspicious a refusal is that is about to lower a limit of `c`."""
    if c.in_flight.spread:
        return 0.0
    if c.rate is not None:
        is_explained = c.rate.rate > c.rate.accepted
    else:
        is_explained = c.in_flight.wall is None or c.cut.beside + 1 >= c.in_flight.wall
    return EXPLAINED if is_explained else 1.0


def suspected(c: Controller, weight: float, now: int) -> Controller:
    """Returns the state after such a refusal, in an experiment if one is due."""
    random = randoms.suspected(c.random, weight, c.rate_allowed)
    before, c = c, c._replace(random=random)
    if random.experiment is None:
        return c
    slow = rates.learned(LESS * random.tried, 0.0, now)
    return c._replace(rate=slow, before_experiment=before._replace(cut=Cut()))


def kept(c: Controller, now: int) -> Controller:
    """Returns the state after an experiment that has shown that refusals depend on the load."""
    before = c.before_experiment or c
    rate = before.rate or rates.learned(c.random.tried, STEP, now)
    rate = rate._replace(next_at=max(rate.next_at, now), since=now)
    return _ended(c, before, now)._replace(rate=rate, random=randoms.kept(c.random))


def _lifted(c: Controller, now: int) -> Controller:
    """Returns the state after an experiment that has shown that refusals are random."""
    before = c.before_experiment or c
    flight = flights.without_wall(before.in_flight)
    return _ended(c, before, now)._replace(rate=None, in_flight=flight)


def _ended(c: Controller, before: Controller, now: int) -> Controller:
    flight = flights.undisturbed(before.in_flight)
    tally = c.tally._replace(since=now, admitted=0)
    return c._replace(in_flight=flight, tally=tally, before_experiment=None)
