"""Several models and several accounts, each used to its own limit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
import pytest
from support.world import MODEL, World, right_answer, simulate

from runner.core.demand import Rotate, Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine.run import RunOptions
from runner.errors import UnauthorisedError

TEN = tuple(f"maker/model-{number}" for number in range(10))
ASAP = RunOptions(rules=Rules(Pace.ASAP))


@pytest.mark.slow
@pytest.mark.parametrize(("rotate", "headers"), [(Rotate.PREFER, True), (Rotate.SPREAD, False)])
def test_ten_models_of_twenty_calls_make_the_accounts_two_hundred(
    tmp_path: Path,
    rotate: Rotate,
    headers: bool,  # noqa: FBT001
) -> None:
    """Every day, to the last call, and without a refusal."""

    async def story(world: World) -> None:
        batch = await world.queue(600, models=TEN, rotate=rotate)
        assert await world.run() is StopReason.DONE
        stats = world.simulator.stats()
        assert [day.calls for day in await world.days()] == [200, 200, 200]
        assert (stats.calls, stats.refused) == (600, 0)
        rows = await world.rows(batch)
        assert all(map(right_answer, rows))
        assert Counter(row.model for row in rows) == dict.fromkeys(TEN, 60)

    limits = {"calls_per_day": 200, "calls_per_day_per_model": 20}
    simulate(
        tmp_path,
        story,
        limits=limits,
        calls_per_day_per_model=20,
        headers=headers,
        models=TEN,
    )


def test_without_a_cap_of_the_account_all_models_are_used_up(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.queue(150, models=TEN[:3])
        await world.run(ASAP)
        assert [day.calls for day in await world.days()] == [60, 60, 30]
        assert world.simulator.stats().refused == 0

    simulate(tmp_path, story, calls_per_day_per_model=20, models=TEN)


def test_the_preferred_model_answers_while_it_can(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(30, models=TEN[:2])
        await world.run(ASAP)
        answered = Counter(row.model for row in await world.rows(batch))
        assert answered == {TEN[0]: 20, TEN[1]: 10}

    simulate(tmp_path, story, calls_per_day_per_model=20, models=TEN)


def test_a_retired_model_is_passed_over_at_the_cost_of_one_call(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(50, models=TEN[:2])
        assert await world.run(ASAP) is StopReason.DONE
        assert {row.model for row in await world.rows(batch)} == {TEN[1]}
        assert world.simulator.stats().refused == 1

    simulate(tmp_path, story, retired=frozenset({TEN[0]}), models=TEN)


def test_two_accounts_have_twice_the_day_and_results_say_whose(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(100)
        assert await world.run(ASAP, accounts=("mine", "yours")) is StopReason.DONE
        days = await world.days()
        assert {(day.day, day.account): day.calls for day in days[:2]} == {
            ("2026-01-05", "mine"): 40,
            ("2026-01-05", "yours"): 40,
        }
        assert sum(day.calls for day in days) == 100
        assert world.simulator.stats().refused == 0
        assert all(map(right_answer, await world.rows(batch)))

    simulate(tmp_path, story, calls_per_day=40)


def test_a_refused_account_stops_and_the_other_one_goes_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(30)
        assert await world.run(ASAP, accounts=("stranger", "mine")) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 30
        assert {day.account for day in await world.days()} == {"mine"}

    simulate(tmp_path, story, tokens=("mine",))


def test_only_when_every_account_is_refused_the_run_ends(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(30)
        with pytest.raises(UnauthorisedError):
            await world.run(ASAP, accounts=("stranger", "other"))
        assert (await world.batch(batch)).counts.ready == 30

    simulate(tmp_path, story, tokens=("mine",))


def test_an_account_is_asked_only_for_the_models_it_serves_by_its_own_names(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(60, models=("small", "large"))
        names = {"mine": {"small": MODEL}, "yours": {"large": TEN[0]}}
        await world.run(ASAP, accounts=("mine", "yours"), models=names)
        asked = {(row.model) for row in await world.rows(batch)}
        assert asked == {MODEL, TEN[0]}

    simulate(tmp_path, story, calls_per_day=40, models=(MODEL, TEN[0]))


def test_a_model_that_fails_call_after_call_is_left_alone_for_a_while(tmp_path: Path) -> None:
    """Its faults are charged: without a circuit breaker they would eat the day."""

    async def story(world: World) -> None:
        batch = await world.queue(400)
        async with world.engine() as engine, anyio.create_task_group() as tasks:
            run = world.wanted(ASAP)

            async def stop() -> None:
                await anyio.sleep(3600)
                engine.stop(run)

            tasks.start_soon(stop)
            await engine.run(run)
        assert world.simulator.stats().calls <= 20
        assert (await world.batch(batch)).counts.failed <= 1  # who was its probe each time

    simulate(tmp_path, story, calls_per_day=2_000, faults={"error_500": 1.0})


def test_batches_of_one_priority_share_and_a_lower_number_goes_first(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        one = await world.queue(100, name="one")
        two = await world.queue(100, name="two")
        urgent = await world.queue(20, name="urgent", priority=-1)
        await world.run(RunOptions(rules=Rules(Pace.ASAP), waits_for=WaitsFor.CALLS))
        done = [(await world.batch(batch)).counts.succeeded for batch in (one, two, urgent)]
        assert done[2] == 20
        assert abs(done[0] - done[1]) <= 20
        assert sum(done) == 100

    simulate(tmp_path, story, calls_per_day=100)
