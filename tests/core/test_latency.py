"""How a queue is told from replies of different lengths."""

import math
from collections.abc import Callable, Iterable
from random import Random

import pytest

from runner.core.latency import (
    ENOUGH,
    FLOOR_MS,
    Latency,
    Move,
    Phase,
    begun,
    is_round,
    judged,
    sampled,
    undisturbed,
)

NOW = 1_800_000_000_000


def measured(latency: Latency, times: Iterable[float]) -> Latency:
    return sampled(latency, [NOW - round(ms) for ms in times], NOW)


def rounds(
    latency: Latency, ms: Callable[[int], float], wall: int | None = None, number: int = 1
) -> tuple[Latency, Move, int]:
    """`number` rounds, in which each call takes `ms` of how many are in flight."""
    move, calls = Move.WAIT, latency.calls
    for _ in range(number):
        latency = measured(begun(latency, calls, 0), [ms(calls)] * max(calls, ENOUGH))
        latency, move, calls = judged(latency, wall)
    return latency, move, calls


def queue(parallel: int, ms: float = 200) -> Callable[[int], float]:
    return lambda calls: ms * max(1, calls / parallel)


def flat(_: int) -> float:
    return 200


def test_a_round_is_as_many_answers_as_are_in_flight() -> None:
    latency = measured(Latency(3), [100, 100])
    assert not is_round(latency)
    assert is_round(measured(latency, [100]))


def test_answers_of_the_round_before_are_left_out() -> None:
    latency = measured(begun(Latency(1), 2, settling=2), [9_000, 9_000])
    assert not is_round(latency)
    latency = measured(latency, [200, 200])
    assert is_round(latency)
    assert latency.total == pytest.approx(2 * math.log(200))


def test_a_queue_too_short_to_matter_is_none() -> None:
    latency = rounds(Latency(1), lambda _: 1)[0]
    assert latency.base is not None
    assert latency.base.mean == pytest.approx(math.log(FLOOR_MS))
    assert rounds(begun(latency, 40, 0), lambda calls: calls)[1] is Move.GROW


def test_as_fast_with_more_in_flight_is_no_queue() -> None:
    latency = rounds(Latency(1), flat)[0]
    assert rounds(begun(latency, 64, 0), flat)[1] is Move.GROW


def test_twice_as_slow_with_twice_as_many_is_looked_into_before_anything_is_done() -> None:
    latency = rounds(Latency(4), queue(4))[0]
    latency, move, calls = rounds(begun(latency, 8, 0), queue(4))
    assert (latency.phase, move, calls) == (Phase.CONFIRM, Move.STAY, 8)


def test_a_number_that_was_only_tried_is_given_up() -> None:
    latency = rounds(Latency(4), queue(4))[0]
    latency, move, _ = rounds(begun(latency, 8, 0), queue(4), wall=5, number=2)
    assert (latency.phase, move) == (Phase.WATCH, Move.BACK)


def test_a_slow_round_that_was_chance_changes_nothing() -> None:
    latency = rounds(Latency(4), flat)[0]
    latency = rounds(begun(latency, 8, 0), lambda _: 500)[0]
    latency, move, _ = rounds(latency, flat)
    assert (latency.phase, move) == (Phase.WATCH, Move.GROW)


@pytest.mark.parametrize(("parallel", "settled"), [(1, 2), (2, 3), (4, 5), (8, 10), (16, 20)])
def test_a_queue_is_halved_until_that_makes_no_difference(parallel: int, settled: int) -> None:
    """And as many are allowed as keep the server busy, and a few more."""
    latency = rounds(Latency(1), queue(parallel))[0]
    latency, move, calls = rounds(begun(latency, 64, 0), queue(parallel), number=2)
    assert (latency.phase, move, calls) == (Phase.HALVED, Move.SET, 32)
    while move is Move.SET:
        latency, move, calls = rounds(begun(latency, calls, 0), queue(parallel))
    assert (latency.phase, move, calls) == (Phase.WATCH, Move.SETTLE, settled)


def test_if_half_as_many_are_as_slow_the_number_is_restored() -> None:
    """The prompts have changed, and the base line with them."""
    latency = rounds(Latency(16), flat)[0]
    latency, move, calls = rounds(latency, lambda _: 900, number=3)
    assert (latency.phase, move, calls) == (Phase.WATCH, Move.SET, 16)
    assert rounds(latency, lambda _: 900, number=5)[1] is Move.GROW


def test_a_base_line_that_has_grown_old_sinks_at_once() -> None:
    latency = rounds(Latency(16), lambda _: 900, number=20)[0]
    latency = rounds(latency, flat)[0]
    assert latency.base is not None
    assert latency.base.mean == pytest.approx(math.log(200))


def test_above_a_wall_only_a_lower_number_adds_to_the_base_line() -> None:
    latency = rounds(Latency(4), flat)[0]
    higher = rounds(begun(latency, 6, 0), lambda _: 220, wall=5)[0]
    assert higher.base == latency.base
    lower = rounds(begun(latency, 3, 0), lambda _: 220, wall=5)[0]
    assert lower.base != latency.base


def test_few_answers_of_different_lengths_prove_nothing() -> None:
    """A round of four that took twice as long, where one call takes ten times another."""
    random = Random(1)
    latency = Latency(4)
    for _ in range(30):
        latency = measured(begun(latency, 4, 0), [random.lognormvariate(5, 1) for _ in range(4)])
        latency, _, _ = judged(latency, None)
        latency = undisturbed(latency)
    latency = measured(begun(latency, 4, 0), [300, 300, 300, 300])
    assert judged(latency, None)[1] is Move.GROW


@pytest.mark.parametrize("phase", [Phase.CONFIRM, Phase.HALVED])
def test_it_waits_for_as_many_answers_as_it_takes(phase: Phase) -> None:
    latency = rounds(Latency(4), queue(2))[0]
    latency = latency._replace(variance=1.0, freedom=100)
    if phase is Phase.HALVED:
        latency = rounds(latency._replace(phase=Phase.CONFIRM), lambda _: 2_000)[0]
    latency = measured(begun(latency._replace(phase=phase), 2, 0), [600, 600])
    assert judged(latency, None)[:2] == (latency, Move.WAIT)
    latency = measured(latency, [600] * ENOUGH)
    assert judged(latency, None)[1] is not Move.WAIT


def test_a_search_that_is_broken_off_keeps_what_was_measured() -> None:
    latency = rounds(Latency(4), queue(4))[0]
    latency = rounds(begun(latency, 32, 0), queue(4), number=2)[0]
    assert latency.phase is Phase.HALVED
    broken_off = undisturbed(latency)
    assert broken_off.phase is Phase.WATCH
    assert (broken_off.base, broken_off.variance) == (latency.base, latency.variance)
