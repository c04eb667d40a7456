"""Refusals that do not depend on load: what is made of them, one by one, and what that is worth."""

from dataclasses import dataclass
from random import Random

import pytest

from runner.core import controller, load_experiment, random_refusals
from runner.core.random_refusals import (
    ENOUGH,
    IN_A_ROW,
    UNEXPLAINED,
    LoadExperiment,
    Meaning,
    RandomRefusals,
    refused,
    suspected,
)
from tests.core.controller_route import CALL_MS, SECOND, Route, paced
from tests.core.controller_world import (
    SEEDS,
    Bears,
    Engine,
    Queues,
    Reply,
    Run,
    Server,
    Times,
    jittered,
    refusal,
)

RATE = 0.1  # per ms


@dataclass
class Gateway:
    """It refuses a share of all calls, whatever the load; the others go through to the server."""

    server: Server
    share: float
    random: Random

    def arrive(self, now: float) -> Reply:
        return refusal() if self.random.random() < self.share else self.server.arrive(now)


@dataclass
class BearsAll:
    """It answers whatever comes."""

    times: Times

    def arrive(self, now: float) -> Reply:
        del now
        return Reply(self.times())


def behind_a_gateway(server: Server, share: float, random: Random, ceiling: int) -> Run:
    engine = Engine(Gateway(server, share, random), random)
    return engine.run(controller.new(1, ceiling), 120)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_a_gateway_that_refuses_at_random_gets_all_that_the_server_bears(
    share: float, seed: int
) -> None:
    random = Random(seed)
    done = behind_a_gateway(BearsAll(jittered(random, 100)), share, random, 64)
    assert done.answered(40) >= 0.9 * (1 - share) * 64 * 80 / 0.107
    assert done.refused_part < 1.2 * share


@pytest.mark.parametrize("seed", SEEDS)
def test_a_number_that_the_server_bears_is_found_behind_a_gateway(seed: int) -> None:
    random = Random(seed)
    done = behind_a_gateway(Bears(lambda _: 64, jittered(random, 500)), 0.05, random, 256)
    assert done.answered(60) >= 0.85 * 128 * 60
    assert done.refused_part < 0.08


@pytest.mark.parametrize("seed", SEEDS)
def test_no_queue_is_built_up_behind_a_gateway(seed: int) -> None:
    random = Random(seed)
    done = behind_a_gateway(Queues(8, jittered(random, 200)), 0.05, random, 256)
    assert done.answered() >= 0.8 * 40 * 120
    assert done.mean_in_flight(60) <= 2.5 * 8


def test_a_gateway_that_refuses_half_of_all_is_an_overload() -> None:
    random = Random(1)
    done = behind_a_gateway(BearsAll(jittered(random, 100)), 0.5, random, 64)
    assert done.state.random.share == 0
    assert len(done.refusals) < 300


def test_a_gateway_that_has_recovered_is_forgotten() -> None:
    """Then a refusal is a limit's again."""
    known = RandomRefusals(0.05, 0.05, starts=200, refusals=10)
    found, meaning = refused(known, 5_000, 60_000)
    assert meaning is Meaning.LIMIT
    assert found.share == 0


def known_share() -> RandomRefusals:
    return RandomRefusals(0.05, 0.05, starts=200, refusals=10)


def test_the_known_share_of_refusals_is_ignored() -> None:
    found, started = known_share(), 0
    for _ in range(100):
        started += 19
        found, meaning = refused(found, started, started * 10)
        assert meaning is Meaning.RANDOM


def test_more_than_the_known_share_counts() -> None:
    found, meanings = known_share(), list[Meaning]()
    for number in range(12):
        found, meaning = refused(found, number + 1, number * 10)
        meanings.append(meaning)
    first = meanings.index(Meaning.LIMIT)
    assert 4 <= first <= 10
    assert Meaning.LIMIT in meanings[first + 1 : first + 3]


def suspicious(r: RandomRefusals, times: float = UNEXPLAINED) -> RandomRefusals:
    for _ in range(int(times)):
        r, meaning = refused(r, r.counted + 20, r.counted_ms + 200)
        assert meaning is Meaning.LIMIT
        r = suspected(r, 1.0, RATE)
    return r


def test_some_refusals_that_no_limit_explains_begin_a_trial() -> None:
    assert suspicious(RandomRefusals(), UNEXPLAINED - 1).experiment is None
    found = suspicious(RandomRefusals())
    assert found.experiment == LoadExperiment(126)
    assert found.tried == pytest.approx(RATE)


def test_refusals_that_a_limit_explains_begin_one_much_later() -> None:
    found, count = RandomRefusals(), 0
    while found.experiment is None:
        found, _ = refused(found, found.counted + 20, found.counted_ms + 200)
        found = suspected(found, random_refusals.EXPLAINED, RATE)
        count += 1
    assert count >= 2 * UNEXPLAINED


def test_refused_at_less_load_too_refusals_are_random() -> None:
    found = suspicious(RandomRefusals())._replace(counted=0)
    for number in range(1, ENOUGH):
        found, meaning = refused(found, 20 * number, 250 * number)
        assert meaning is Meaning.RANDOM
    found, meaning = refused(found, 20 * ENOUGH, 250 * ENOUGH)
    assert meaning is Meaning.LIFT
    assert found.share == pytest.approx(0.05, rel=0.1)
    assert found.experiment is None


def test_refusals_in_a_row_mean_a_window_that_is_closed() -> None:
    found = suspicious(RandomRefusals())._replace(counted=0)
    found, _ = refused(found, 20, 250)
    for _ in range(IN_A_ROW - 2):
        found, meaning = refused(found, 20, 250)
        assert meaning is Meaning.RANDOM
    assert refused(found, 20, 250)[1] is Meaning.KEEP


def test_not_refused_at_less_load_they_depend_on_it() -> None:
    found = suspicious(RandomRefusals())
    experiment = found.experiment
    assert experiment is not None
    assert not random_refusals.is_over(experiment, experiment.starts - 1)
    assert random_refusals.is_over(experiment, experiment.starts)
    assert not random_refusals.is_over(experiment._replace(refusals=1), experiment.starts)
    found = random_refusals.kept(found)
    assert (found.experiment, found.share, found.patience) == (None, 0, 2 * UNEXPLAINED)
    assert suspicious(found).experiment is None


def test_a_rate_that_has_fallen_below_what_was_tried_is_tried_at_once() -> None:
    found = random_refusals.kept(suspicious(RandomRefusals()))
    for _ in range(int(UNEXPLAINED)):
        found, _ = refused(found, found.counted + 20, found.counted_ms + 200)
        found = suspected(found, 1.0, RATE / 2)
    assert found.experiment is not None


def test_a_window_that_is_closed_explains_the_refusal_before() -> None:
    assert random_refusals.explained(RandomRefusals(suspicion=2.5)).suspicion == 1.5
    assert random_refusals.explained(RandomRefusals(suspicion=0.3)).suspicion == 0


# ---- the experiment


def in_trial() -> Route:
    """A route with one call a second, three of whose refusals nothing explains."""
    r = paced()
    for _ in range(40):
        for _ in range(8):
            accepted(r)
        if r.state.random.experiment is not None:
            return r
        r.start_when_it_may()
        r.refuse()
    raise AssertionError


def accepted(r: Route) -> None:
    r.start_when_it_may()
    r.after(CALL_MS).answer()


def test_a_trial_is_a_little_slower() -> None:
    r = in_trial()
    before = r.state.before_experiment
    assert before is not None
    assert before.rate is not None
    assert r.state.rate is not None
    assert r.state.rate.rate < before.rate.rate


def test_after_a_trial_without_refusals_all_is_as_before() -> None:
    r = in_trial()
    before = r.state.before_experiment
    assert before is not None
    assert before.rate is not None
    while r.state.random.experiment is not None:
        accepted(r)
    assert r.state.before_experiment is None
    assert r.state.rate is not None
    assert r.state.rate.accepted == before.rate.accepted


def test_after_refusals_in_a_trial_no_limit_is_left() -> None:
    r = in_trial()
    for _ in range(ENOUGH):
        for _ in range(10):
            accepted(r)
        r.start_when_it_may()
        r.refuse()
    assert r.state.rate is None
    assert r.state.in_flight.wall is None
    assert r.state.random.share > 0
    assert r.state.before_experiment is None


def test_a_window_that_closes_in_a_trial_ends_it() -> None:
    r = in_trial()
    accepted(r)
    for _ in range(IN_A_ROW):
        r.start_when_it_may()
        r.refuse()
        r.after(1)
    assert r.state.random.experiment is None
    assert r.state.before_experiment is None
    assert r.state.rate is not None


def test_a_wait_that_the_provider_names_ends_a_trial_and_is_kept() -> None:
    r = in_trial()
    accepted(r)
    r.start_when_it_may()
    r.refuse(wait_ms=7 * SECOND)
    assert r.state.random.experiment is None
    assert r.room() == (0, r.now + 7 * SECOND)


def test_of_a_route_without_a_rate_the_number_is_tried_at_less_load() -> None:
    """Afterwards its calls do not all start at once."""
    state = controller.new(8, 64)._replace(usual_ms=200.0)
    random = RandomRefusals(suspicion=UNEXPLAINED, starts=60, refusals=3, ms=1_000)
    begun = load_experiment.suspected(state._replace(random=random), 0.0, SECOND)
    assert begun.rate is not None
    assert begun.rate.rate == pytest.approx(load_experiment.LESS * 8 / 200)
    kept = load_experiment.kept(begun, 2 * SECOND)
    assert kept.rate is not None
    assert kept.rate.rate == pytest.approx(8 / 200)
