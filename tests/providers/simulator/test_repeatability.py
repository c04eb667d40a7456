"""The same seed is the same night."""

from __future__ import annotations

from random import Random
from typing import Any

from runner.providers.simulator import SimulatorConfig
from runner.providers.simulator.luck import draw

FAULTS = {"error_500": 0.2, "throttle": 0.2, "empty_shell": 0.1, "bad_answer": 0.1}


def run(world: Any, **settings: Any) -> list[Any]:
    here = world(latency_ms=(1, 900), faults=FAULTS, **settings)
    replies = [(reply.status_code, reply.content) for reply in here.chats(60)]
    return [replies, here.simulator.stats()]


def test_the_same_seed_gives_the_same_replies_at_the_same_times(world: Any) -> None:
    assert run(world, seed=7) == run(world, seed=7)


def test_another_seed_gives_another_run(world: Any) -> None:
    assert run(world, seed=7) != run(world, seed=8)


def test_the_luck_of_a_call_does_not_depend_on_the_luck_before_it() -> None:
    calm = SimulatorConfig(envelope="flat", latency_ms=(0, 0))
    rough = SimulatorConfig(faults={"throttle": 0.9})
    one, two = Random(3), Random(3)
    for _ in range(20):
        draw(calm, one)
        draw(rough, two)
    assert draw(rough, one) == draw(rough, two)


def test_latency_is_drawn_from_its_whole_range_and_no_further() -> None:
    random = Random(1)
    drawn = {draw(SimulatorConfig(latency_ms=(3, 6)), random).latency_ms for _ in range(200)}
    assert drawn == {3, 4, 5, 6}


def test_a_whim_is_even_and_does_not_know_where_the_request_id_is() -> None:
    random = Random(5)
    drawn = [draw(SimulatorConfig(), random) for _ in range(2000)]
    for inside in (True, False):
        whims = [luck.whim for luck in drawn if luck.id_inside is inside]
        assert all(0 <= whim < 1 for whim in whims)
        assert 0.45 < sum(whims) / len(whims) < 0.55


def test_dice_are_a_calls_own_and_a_purposes_own() -> None:
    one, two = (draw(SimulatorConfig(), Random(seed)) for seed in (1, 2))
    assert one.dice("x").random() == one.dice("x").random()
    assert len({one.dice("x").random(), one.dice("y").random(), two.dice("x").random()}) == 3


def test_every_limit_at_once_is_still_the_same_night(world: Any) -> None:
    settings: dict[str, Any] = {
        "calls_per_minute": 40,
        "tokens_per_minute": 700,
        "credits": 30,
        "refill_calls": (35, 86_400_000),
        "retry_after": True,
        "header_manners": "malformed",
    }
    runs = [world(faults=FAULTS, seed=7, **settings).chats(60) for _ in range(2)]
    seen = [[(reply.status_code, reply.headers, reply.content) for reply in run] for run in runs]
    assert seen[0] == seen[1]
