"""Refusals that do not depend on load: a gateway may refuse one call in twenty, whatever the load.

To slow down does not help against them, so they must lower no limit. TCP has the same problem with
a lossy link, and the answer is that of BBR: a loss shows congestion only where there are more of
them than the link loses anyway. That share is found by an experiment (load_experiment.py):

    refusals that no limit explains    after UNEXPLAINED of them, an experiment at less load
    refused at less load, too          they are random: the limits they had lowered are lifted,
                                       and that share of refusals is ignored
    not refused at less load           they depend on the load, and lower limits; the next
                                       experiment comes after twice as many, or when the rate has
                                       fallen since

Where a share is known, refusals count only in excess of it, by Page's CUSUM test: a sum of the
logarithms of how much likelier the fate of each start is if the share has risen.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import NamedTuple

# Suspicious refusals before an experiment. One that a limit explains, as while a higher rate is
# tried, counts by a part only.
UNEXPLAINED = 3.0
EXPLAINED = 1 / 3
# They are counted among this many recent starts.
RECENT = 256
# An experiment lasts until this many refusals are due in it if they are random; twice that after
# one.
DUE = 4
# This many refusals in it are random; but this many in a row mean a window that is closed.
ENOUGH = 2
IN_A_ROW = 3
# A rate below this part of the rate that was tried last is tried at once: experiments at that rate
# have shown that no limit is as low.
FALLEN = 0.7
# A larger share is an overload, whatever its cause; a smaller one is not worth knowing.
MOST_SHARE = 0.3
LEAST_SHARE = 0.004
# The test asks whether the share is RISEN times the known one and RISEN_BY more. At ALARM it says
# so; then one more refusal soon after it repeats the alarm.
RISEN = 1.5
RISEN_BY = 0.05
ALARM = 7.0
AFTER_ALARM = 6.0


class Meaning(Enum):
    """What a refusal means."""

    RANDOM = auto()  # it is ignored
    LIMIT = auto()  # it lowers a limit
    LIFT = auto()  # the experiment has shown that refusals are random
    KEEP = auto()  # the experiment has shown that they depend on the load, as does this one


class LoadExperiment(NamedTuple):
    """An experiment at less load.

    Attributes:
        starts: How many starts it lasts.
        refusals: The number of refusals in it; of those in a row, the first.
        in_a_row: The number of the last refusals between which no call was accepted.
    """

    starts: int
    refusals: int = 0
    in_a_row: int = 0


class RandomRefusals(NamedTuple):
    """What is known of the refusals of a route that do not depend on its load.

    Attributes:
        share: The share of starts that is refused whatever the load; 0 if none is known.
        most: The largest value of it: what the last experiment has shown.
        excess: The sum of Page's test.
        counted: The starts since the last refusal that lowered a limit, when the last refusal came.
        counted_ms: The time between these two, in ms.
        starts: The number of recent starts.
        refusals: The number of refusals among them; one for a burst that lowered a limit.
        ms: The time that these starts took, in ms.
        suspicion: The number of suspicious ones among the refusals.
        patience: The suspicion at which the next experiment begins.
        tried: The rate at which the last experiment began, in starts per ms.
        experiment: The present experiment.
    """

    share: float = 0.0
    most: float = 0.0
    excess: float = 0.0
    counted: int = 0
    counted_ms: int = 0
    starts: float = 0.0
    refusals: float = 0.0
    ms: float = 0.0
    suspicion: float = 0.0
    patience: float = UNEXPLAINED
    tried: float = 0.0
    experiment: LoadExperiment | None = None


def refused(r: RandomRefusals, started: int, ms: int) -> tuple[RandomRefusals, Meaning]:
    """Returns the state after a refusal, and what it means.

    `started` calls have started in the `ms` since the last refusal that lowered a limit, without
    this one and the random ones.
    """
    accepted = max(0, started - r.counted)
    r = _counted(r, accepted, max(0, ms - r.counted_ms))._replace(counted=started, counted_ms=ms)
    if r.experiment is not None:
        return _refused_in_experiment(r, r.experiment, accepted, started)
    share = min(r.most, r.refusals / r.starts)
    if share < LEAST_SHARE:
        return r._replace(share=0.0, most=0.0), Meaning.LIMIT
    risen = RISEN * share + RISEN_BY
    excess = max(0.0, r.excess + accepted * math.log((1 - risen) / (1 - share)))
    excess += math.log(risen / share)
    if excess < ALARM:
        return r._replace(share=share, excess=excess), Meaning.RANDOM
    return r._replace(share=share, excess=AFTER_ALARM), Meaning.LIMIT


def suspected(r: RandomRefusals, weight: float, rate: float) -> RandomRefusals:
    """Returns the state after a refusal that has lowered a limit, with an experiment if one is due.

    Args:
        r: The state.
        weight: How suspicious the refusal is.
        rate: The rate at which calls may start now, per ms.
    """
    r = r._replace(suspicion=r.suspicion + weight)
    rate = min(rate, r.starts / max(1.0, r.ms))
    enough = UNEXPLAINED if rate < FALLEN * r.tried else r.patience
    if r.suspicion < enough - 0.5:
        return r
    starts = math.ceil(DUE * r.starts / max(1.0, r.refusals - 1))
    return r._replace(tried=rate, experiment=LoadExperiment(starts))


def explained(r: RandomRefusals) -> RandomRefusals:
    """Returns the state when the last refusal is followed by another: a window is closed."""
    return r._replace(suspicion=max(0.0, r.suspicion - 1))


def after_cut(r: RandomRefusals) -> RandomRefusals:
    """Returns the state in which counting begins at a refusal that has lowered a limit."""
    return r._replace(counted=0, counted_ms=0)


def is_over(experiment: LoadExperiment, started: int) -> bool:
    """Whether an experiment with so many starts has shown that refusals depend on the load."""
    return started >= experiment.starts * (1 + experiment.refusals)


def kept(r: RandomRefusals) -> RandomRefusals:
    """Returns the state after an experiment in which hardly any call was refused."""
    share = 0.0 if r.experiment is None else min(r.share, 1 / r.experiment.starts)
    patience = min(2 * r.patience, RECENT)
    return RandomRefusals(
        share, share, 0.0, 0, 0, r.starts, r.refusals, r.ms, patience=patience, tried=r.tried
    )


def _counted(r: RandomRefusals, accepted: int, ms: int) -> RandomRefusals:
    """Returns the state with one more refusal, after so many accepted calls in so many ms."""
    starts = r.starts + accepted + 1
    part = min(1.0, RECENT / starts)
    return r._replace(
        starts=starts * part,
        refusals=(r.refusals + 1) * part,
        ms=(r.ms + ms) * part,
        suspicion=r.suspicion * part,
    )


def _refused_in_experiment(
    r: RandomRefusals, experiment: LoadExperiment, accepted: int, started: int
) -> tuple[RandomRefusals, Meaning]:
    """Returns the state after a refusal in an experiment, and what it means."""
    in_a_row = 1 if accepted else experiment.in_a_row + 1
    refusals = experiment.refusals + (accepted > 0)
    r = r._replace(experiment=LoadExperiment(experiment.starts, refusals, in_a_row))
    share = min(r.refusals / r.starts, refusals / max(1, started))
    if in_a_row >= IN_A_ROW or share > MOST_SHARE:
        return r, Meaning.KEEP
    if refusals < ENOUGH:
        return r, Meaning.RANDOM
    return RandomRefusals(share, share, starts=r.starts, refusals=r.refusals), Meaning.LIFT
