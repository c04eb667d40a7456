"""Equal seeds give equal runs."""

from __future__ import annotations

from random import Random
from typing import Any

from runner.simulator import SimulatedProvider, SimulatorConfig
from runner.simulator.draws import draw_call

NOW = 1_795_000_000_000
FAULTS = {"error_500": 0.2, "throttle": 0.2, "empty_shell": 0.1, "bad_answer": 0.1}


def run(world: Any, **settings: Any) -> list[Any]:
    here = world(latency_ms=(1, 900), faults=FAULTS, **settings)
    replies = [(reply.status_code, reply.content) for reply in here.chats(60)]
    return [replies, here.simulator.stats()]


def test_the_same_seed_gives_the_same_replies_at_the_same_times(world: Any) -> None:
    assert run(world, seed=7) == run(world, seed=7)


def test_another_seed_gives_another_run(world: Any) -> None:
    assert run(world, seed=7) != run(world, seed=8)


def test_the_draws_of_a_call_do_not_depend_on_the_calls_before_it() -> None:
    calm = SimulatorConfig(envelope="flat", latency_ms=(0, 0))
    rough = SimulatorConfig(faults={"throttle": 0.9})
    one, two = Random(3), Random(3)
    for _ in range(20):
        draw_call(calm, one)
        draw_call(rough, two)
    assert draw_call(rough, one) == draw_call(rough, two)


def test_latency_is_drawn_from_its_whole_range_and_no_further() -> None:
    random = Random(1)
    drawn = {draw_call(SimulatorConfig(latency_ms=(3, 6)), random).latency_ms for _ in range(200)}
    assert drawn == {3, 4, 5, 6}


def test_a_subseed_is_uniform_and_independent_of_the_place_of_the_request_id() -> None:
    random = Random(5)
    drawn = [draw_call(SimulatorConfig(), random) for _ in range(2000)]
    for inside in (True, False):
        subseeds = [draws.subseed for draws in drawn if draws.id_inside is inside]
        assert all(0 <= subseed < 1 for subseed in subseeds)
        assert 0.45 < sum(subseeds) / len(subseeds) < 0.55


def test_each_call_and_each_purpose_has_a_generator_of_its_own() -> None:
    one, two = (draw_call(SimulatorConfig(), Random(seed)) for seed in (1, 2))
    assert one.random_for("x").random() == one.random_for("x").random()
    assert (
        len(
            {
                one.random_for("x").random(),
                one.random_for("y").random(),
                two.random_for("x").random(),
            }
        )
        == 3
    )


def test_with_every_limit_at_once_equal_seeds_still_give_equal_runs(world: Any) -> None:
    settings: dict[str, Any] = {
        "calls_per_minute": 40,
        "tokens_per_minute": 700,
        "credits": 30,
        "refill_calls": (35, 86_400_000),
        "retry_after": True,
        "header_behaviour": "malformed",
    }
    runs = [world(faults=FAULTS, seed=7, **settings).chats(60) for _ in range(2)]
    seen = [[(reply.status_code, reply.headers, reply.content) for reply in run] for run in runs]
    assert seen[0] == seen[1]


def test_replies_on_a_step_leave_at_its_multiples_and_no_further_off_than_half_of_it() -> None:
    now, body = NOW + 33, b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'
    exact, stepped = (
        SimulatedProvider(SimulatorConfig(models=(), reply_step_ms=step), lambda: now)
        for step in (1, 100)
    )
    pairs = [
        [one.begin("token", body).plan.delay_ms for one in (exact, stepped)] for _ in range(50)
    ]
    assert len({(now + delay) % 100 for delay, _ in pairs}) > 10
    assert {(now + delay) % 100 for _, delay in pairs} == {0}
    assert max(abs(delay - other) for delay, other in pairs) <= 50
