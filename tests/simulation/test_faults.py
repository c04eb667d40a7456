"""The main job against a provider, a network and clocks that misbehave, by seed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import anyio
import pytest
from sqlalchemy import update
from support.world import EVENING, MODEL, UTC8, World, right_answer, simulate

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine.run import RunOptions
from runner.errors import UnauthorisedError
from runner.store.batch_updates import set_batch_state
from runner.store.tables import batches

KINDS = (
    "error_500",
    "bad_gateway",
    "drop",
    "hang",
    "truncated",
    "error_in_200",
    "empty_shell",
    "throttle",
    "bad_answer",
)


@pytest.mark.parametrize("seed", range(8))
def test_every_row_ends_with_one_checked_result_whatever_goes_wrong(
    tmp_path: Path, seed: int
) -> None:
    """A storm of faults, drawn by the seed; the ledger agrees with the provider to the call."""
    chance = Random(seed)
    faults = {kind: chance.uniform(0, 0.06) for kind in KINDS}

    async def story(world: World) -> None:
        batch = await world.queue(120)
        assert await world.run(seed=seed) is StopReason.DONE
        rows = await world.rows(batch)
        assert {row.state for row in rows} <= {"succeeded", "failed"}
        assert all(right_answer(row) for row in rows if row.state == "succeeded")
        assert all(row.error for row in rows if row.state == "failed")
        assert sum(row.state == "failed" for row in rows) <= 2
        assert sum(day.calls for day in await world.days()) == world.simulator.stats().calls
        assert await world.defects() == []
        for window in world.shown[-1].windows:
            assert window.reserved == 0

    simulate(
        tmp_path,
        story,
        calls_per_day=100,
        headers=seed % 2 == 0,
        seed=seed,
        max_concurrency=6,
        faults=faults,
        counts_failed=seed % 3 != 0,
    )


def test_a_hanging_call_is_given_up_after_its_timeout_and_tried_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(10)
        await world.run()
        assert (await world.batch(batch)).counts.succeeded == 10
        reasons = [day.failed for day in await world.days()]
        assert sum(reasons) >= 1

    simulate(tmp_path, story, seed=3, faults={"hang": 0.3})


def test_throttling_lowers_concurrency_and_loses_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(150)
        await world.run(RunOptions(rules=Rules(Pace.ASAP)))
        assert (await world.batch(batch)).counts.succeeded == 150
        stats = world.simulator.stats()
        assert 0 < stats.refused < 40
        assert stats.max_in_flight < 10

    simulate(tmp_path, story, max_concurrency=3)


def test_a_wrong_token_stops_at_once_and_fails_no_job(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(50)
        with pytest.raises(UnauthorisedError) as caught:
            await world.run()
        assert "token" in str(caught.value.remedy)
        counts = (await world.batch(batch)).counts
        assert (counts.ready, counts.failed) == (50, 0)
        assert world.simulator.stats().calls == 0  # asking for the balance told

    simulate(tmp_path, story, tokens=("another",))


def test_a_retired_model_pauses_its_batch_and_not_the_others(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        retired = await world.queue(50, name="retired", model="Qwen/Qwen3-32B")
        other = await world.queue(50, name="other")
        assert await world.run() is StopReason.DONE
        assert (await world.batch(other)).counts.succeeded == 50
        stopped = await world.batch(retired)
        assert stopped.state == "paused"
        assert "no longer served" in stopped.pause_reason
        assert stopped.counts.ready == 50

    simulate(tmp_path, story, retired=frozenset({"Qwen/Qwen3-32B"}))


def test_a_parameter_that_every_call_is_rejected_for_costs_a_handful_of_calls(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(100)
        await world.run()
        stopped = await world.batch(batch)
        assert stopped.state == "paused"
        assert "enable_thinking = false" in stopped.pause_reason
        assert world.simulator.stats().calls <= 10

    simulate(tmp_path, story, thinking_models=frozenset({MODEL}))


@pytest.mark.slow
@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=-30), timedelta(hours=1)])
def test_a_clock_that_is_set_wrongly_opens_no_budget_twice(tmp_path: Path, jump: timedelta) -> None:
    """The provider keeps its own time; our clock jumps in the middle of the first day."""

    async def story(world: World) -> None:
        batch = await world.queue(250)
        own = world.clock.now
        offset = 0

        def skewed() -> int:
            return own() + offset

        async with anyio.create_task_group() as tasks:

            async def set_clock() -> None:
                nonlocal offset
                await anyio.sleep(6 * 3600)
                offset = round(jump.total_seconds() * 1000)

            tasks.start_soon(set_clock)
            async with world.engine(clock=_Skewed(world.clock.tick_s, skewed)) as engine:
                await engine.run(world.wanted())
            tasks.cancel_scope.cancel()
        assert (await world.batch(batch)).counts.succeeded == 250
        by_day = world.simulator.stats().by_day
        assert all(day.answered <= 100 for day in by_day.values())
        assert sum(day.refused for day in by_day.values()) <= 2

    simulate(tmp_path, story, calls_per_day=100, start=EVENING, tick_s=60)


class _Skewed:
    """A clock that says something else than the provider's."""

    def __init__(self, tick_s: float, now: object) -> None:
        self.tick_s = tick_s
        self.now = now


def test_a_laptop_asleep_over_midnight_wakes_to_the_new_day(tmp_path: Path) -> None:
    """Both clocks leap: the night is gone, the new window opens with a probe, nothing is lost."""

    async def story(world: World) -> None:
        batch = await world.queue(150)
        async with anyio.create_task_group() as tasks:

            async def sleep_and_wake() -> None:
                await anyio.sleep(12 * 3600)
                world.clock.jump(20 * 3600 * 1000)

            tasks.start_soon(sleep_and_wake)
            assert await world.run() is StopReason.DONE
            tasks.cancel_scope.cancel()
        assert (await world.batch(batch)).counts.succeeded == 150
        assert world.simulator.stats().refused == 0

    simulate(tmp_path, story, calls_per_day=100, tick_s=60)


def test_stopping_lets_calls_in_flight_finish(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(100)
        async with (
            world.engine() as engine,
            anyio.create_task_group() as tasks,
        ):
            run = world.wanted(RunOptions(rules=Rules(Pace.ASAP)))

            async def stop() -> None:
                await anyio.sleep(5)
                engine.stop(run)

            tasks.start_soon(stop)
            assert await engine.run(run) is StopReason.STOPPED
        counts = (await world.batch(batch)).counts
        assert 0 < counts.succeeded < 100
        assert (counts.running, counts.failed) == (0, 0)
        assert counts.succeeded == world.simulator.stats().answered
        assert await world.run() is StopReason.DONE
        assert world.simulator.stats().calls == 100

    simulate(tmp_path, story)


def test_a_call_that_outlasts_the_drain_counts_as_spent_and_its_row_goes_back(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(4)
        async with world.engine(drain_s=1) as engine, anyio.create_task_group() as tasks:
            run = world.wanted(RunOptions(rules=Rules(Pace.ASAP)))

            async def stop() -> None:
                await anyio.sleep(1)
                engine.stop(run)

            tasks.start_soon(stop)
            assert await engine.run(run) is StopReason.STOPPED
        counts = (await world.batch(batch)).counts
        assert (counts.ready, counts.running) == (4, 0)
        (day,) = await world.days()
        assert (day.calls, day.unseen, day.spent) == (1, 1, 1)

    simulate(tmp_path, story, latency_ms=(60_000, 60_000))


def test_day_names_are_the_providers(tmp_path: Path) -> None:
    """A call at 23:00 in Europe belongs to the next day of UTC+8."""

    async def story(world: World) -> None:
        await world.queue(5)
        await world.run()
        assert [day.day for day in await world.days()] == ["2026-01-06"]

    simulate(tmp_path, story, start=datetime(2026, 1, 6, 6, tzinfo=UTC8))


@pytest.mark.parametrize("concurrency", [4, 16])
def test_calls_that_hang_are_counted_once_and_waste_no_allowance(
    tmp_path: Path, concurrency: int
) -> None:
    """The provider counted them when they came; replies told so while they still hung."""

    async def story(world: World) -> None:
        await world.queue(300)
        options = RunOptions(rules=Rules(Pace.ASAP), waits_for=WaitsFor.CALLS)
        await world.run(options, max_concurrency=concurrency)
        (day,) = world.simulator.stats().by_day.values()
        assert day.spent == 200
        assert day.refused <= 1  # the probe that tries whether there is something left

    simulate(tmp_path, story, seed=7, faults={"hang": 0.2})


def test_a_batch_that_is_paused_while_another_goes_on_is_shown_as_paused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first = await world.queue(30, name="first")
        await world.queue(30, name="second")
        async with anyio.create_task_group() as tasks:

            async def pause() -> None:
                await anyio.sleep(5)
                async with world.database.write() as connection:
                    await set_batch_state(connection, first.id, BatchState.PAUSED, "not today")

            tasks.start_soon(pause)
            await world.run()
        last = world.shown[-1]
        assert [(batch.id, batch.pause_reason) for batch in last.paused] == [
            (first.id, "not today")
        ]
        assert world.shown[0].paused == ()

    simulate(tmp_path, story)


def test_a_stop_before_the_first_look_ends_the_run_at_once(tmp_path: Path) -> None:
    """As a Ctrl-C does while the balance is being asked for."""

    async def story(world: World) -> None:
        batch = await world.queue(5)
        async with world.engine() as engine:
            run = world.wanted()
            engine.stop(run)
            assert await engine.run(run) is StopReason.STOPPED
        assert (await world.batch(batch)).counts.ready == 5
        assert world.simulator.stats().calls == 0

    simulate(tmp_path, story)


def test_a_job_file_that_cannot_be_read_back_pauses_its_batch_and_not_the_others(
    tmp_path: Path,
) -> None:
    """As one whose key another version calls by another name."""

    async def story(world: World) -> None:
        batch = await world.queue(3, name="old")
        other = await world.queue(3)
        async with world.database.write() as connection:
            broken = update(batches).where(batches.c.id == batch.id).values(job_json="{}")
            await connection.execute(broken)
        assert await world.run() is StopReason.DONE
        stopped = await world.batch(batch)
        assert (stopped.state, stopped.counts.ready) == (BatchState.PAUSED, 3)
        assert "job file cannot be read" in stopped.pause_reason
        assert [paused.id for paused in world.shown[-1].paused] == [batch.id]
        assert (await world.batch(other)).counts.succeeded == 3
        assert world.simulator.stats().calls == 3

    simulate(tmp_path, story)
