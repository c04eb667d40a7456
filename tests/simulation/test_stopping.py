"""The end of runs and of the engine: at once if asked, and without losing a reply that has come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason
from runner.engine.engine import Engine
from runner.engine.run import Run, RunOptions
from runner.engine.snapshot import Snapshot, read_snapshot
from runner.errors import BusyError
from tests.support.world import MODEL, World, simulate

ASAP = Rules(Pace.ASAP)
AT_ONCE_S = 3  # a transaction, and the rounding of virtual time


def run_of(batch_id: int, **more: Any) -> Run:
    return Run(RunOptions(only=frozenset({batch_id}), rules=ASAP, **more))


def test_a_second_signal_ends_a_run_whose_calls_are_not_answered(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(20)
        run = run_of(batch.id)
        async with world.engine(max_concurrency=4) as engine, anyio.create_task_group() as tasks:

            async def stop_twice() -> None:
                await anyio.sleep(5)
                engine.stop(run)
                await anyio.sleep(1)
                assert not run.over.is_set()
                engine.abort()
                with anyio.fail_after(AT_ONCE_S):
                    await run.over.wait()

            tasks.start_soon(stop_twice)
            assert await engine.run(run) is StopReason.STOPPED
        assert (await world.batch(batch)).counts.succeeded == 0

    simulate(tmp_path, story, latency_ms=(600_000, 600_000))


def test_a_second_signal_ends_an_engine_that_drains_its_calls(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(20)
        async with anyio.create_task_group() as tasks:
            async with world.engine(max_concurrency=4) as engine:
                tasks.start_soon(engine.run, run_of(batch.id))
                await anyio.sleep(5)

                async def abort() -> None:
                    await anyio.sleep(1)
                    engine.abort()

                tasks.start_soon(abort)
                closing = anyio.current_time()
            assert anyio.current_time() - closing < 1 + AT_ONCE_S

    simulate(tmp_path, story, latency_ms=(600_000, 600_000))


@pytest.mark.parametrize("later_ms", range(0, 60, 10))
def test_every_reply_that_has_come_when_calls_are_given_up_is_stored(
    tmp_path: Path, later_ms: int
) -> None:
    """Many calls end around the moment at which the run gives up those in flight."""

    async def story(world: World) -> None:
        batch = await world.queue(900)
        run = run_of(batch.id)
        async with (
            world.engine(drain_s=3, max_concurrency=300) as engine,
            anyio.create_task_group() as tasks,
        ):

            async def stop() -> None:
                await anyio.sleep(90 + later_ms / 1000)
                engine.stop(run)

            tasks.start_soon(stop)
            assert await engine.run(run) is StopReason.STOPPED
        answered = world.simulator.stats().answered
        assert 0 < answered < world.simulator.stats().calls
        assert (await world.batch(batch)).counts.succeeded == answered

    simulate(tmp_path, story, latency_ms=(2_000, 4_000), calls_per_day=2_000)


def test_the_calls_of_a_run_that_has_expired_are_given_up_when_the_engine_ends(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(1)
        async with anyio.create_task_group() as tasks:
            async with world.engine(drain_s=30) as engine:
                await expire(engine, run_of(batch.id), tasks)
                closing = anyio.current_time()
            assert anyio.current_time() - closing < AT_ONCE_S
        assert (await world.batch(batch)).counts.ready == 1

    simulate(tmp_path, story, latency_ms=(600_000, 600_000))


def test_a_run_that_has_expired_does_not_shorten_the_later_end_of_the_engine(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        first, second = await world.queue(1, name="first"), await world.queue(1, name="second")
        async with anyio.create_task_group() as tasks, world.engine(drain_s=30) as engine:
            await expire(engine, run_of(first.id), tasks)
            with anyio.move_on_after(60):  # the first call is the day's probe, for which it waits
                await engine.run(run_of(second.id))
            assert (await world.batch(second)).counts.running == 1
        assert (await world.batch(first)).counts.succeeded == 1, "its answer came after all"
        assert (await world.batch(second)).counts.succeeded == 1

    simulate(tmp_path, story, latency_ms=(60_000, 60_000))


async def expire(engine: Engine, run: Run, tasks: TaskGroup) -> None:
    """Work for a run until its call is in flight, and stop it."""
    tasks.start_soon(engine.run, run)
    await anyio.sleep(5)
    engine.stop(run)
    with anyio.fail_after(30 + AT_ONCE_S):
        await run.over.wait()


def test_a_run_that_comes_while_the_queue_is_read_is_worked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading began before its batch was queued, so the engine reads again."""

    async def story(world: World) -> None:
        during: list[Callable[[], Awaitable[None]]] = []
        ended = anyio.Event()

        async def read(*args: Any) -> Snapshot:
            snapshot = await read_snapshot(*args)
            while during:
                await during.pop()()
            return snapshot

        monkeypatch.setattr("runner.engine.queue_reader.read_snapshot", read)
        async with world.engine() as engine, anyio.create_task_group() as tasks:

            async def come() -> None:
                batch = await world.queue(1)
                tasks.start_soon(follow, run_of(batch.id))
                await anyio.lowlevel.checkpoint()

            async def follow(run: Run) -> None:
                assert await engine.run(run) is StopReason.DONE
                ended.set()

            await anyio.sleep(60)
            await world.queue(1, name="something to read")
            during.append(come)
            engine.reread()
            with anyio.fail_after(3600):
                await ended.wait()
        assert world.simulator.stats().answered == 1

    simulate(tmp_path, story)


def test_a_run_does_not_end_because_the_queue_cannot_be_read_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        failures = 3

        async def read(*args: Any) -> Snapshot:
            nonlocal failures
            if failures and started:
                failures -= 1
                raise BusyError("locked")
            return await read_snapshot(*args)

        started = False
        monkeypatch.setattr("runner.engine.queue_reader.read_snapshot", read)
        async with world.engine() as engine:
            await anyio.sleep(60)
            started = True
            batch = await world.queue(1)
            assert await engine.run(run_of(batch.id)) is StopReason.DONE
        assert (failures, world.simulator.stats().answered) == (0, 1)

    simulate(tmp_path, story)


def test_a_run_can_be_stopped_though_the_queue_can_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        async def fail(*_: Any) -> Snapshot:
            raise BusyError("locked")

        async with world.engine() as engine, anyio.create_task_group() as tasks:
            await anyio.sleep(60)
            monkeypatch.setattr("runner.engine.queue_reader.read_snapshot", fail)
            batch = await world.queue(1)
            run = run_of(batch.id)

            async def stop() -> None:
                await anyio.sleep(60)
                engine.stop(run)

            tasks.start_soon(stop)
            with anyio.fail_after(120):
                assert await engine.run(run) is StopReason.STOPPED
        assert world.simulator.stats().calls == 0

    simulate(tmp_path, story)


def test_a_run_ends_with_its_last_call_although_no_account_serves_another_batch(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        await world.queue(5, name="unserved", model="other/model")
        await world.queue(5)
        async with world.engine(models={"mine": {MODEL: MODEL}}) as engine:
            began = anyio.current_time()
            assert await engine.run(Run(RunOptions(rules=ASAP))) is StopReason.STOPPED
            assert anyio.current_time() - began < 2 * AT_ONCE_S

    simulate(tmp_path, story, latency_ms=(100, 100))
