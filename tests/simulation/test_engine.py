"""One engine for everybody: runs that share it, pollers that fail, pauses that are heeded."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine import balance_poller
from runner.engine.run import Run, RunOptions
from runner.errors import EngineError
from runner.store.batch_updates import set_batch_state
from tests.store.releases import raw
from tests.support.world import World, simulate

ASAP = Rules(Pace.ASAP)


def of(batch_id: int, **more: Any) -> Run:
    return Run(RunOptions(only=frozenset({batch_id}), rules=ASAP, **more))


def test_two_runs_share_one_engine_and_each_ends_with_its_own_batch(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        small = await world.queue(10, name="small")
        large = await world.queue(80, name="large")
        ended: list[str] = []

        async def follow(name: str, run: Run) -> None:
            assert await engine.run(run) is StopReason.DONE
            ended.append(name)

        async with world.engine() as engine, anyio.create_task_group() as tasks:
            tasks.start_soon(follow, "large", of(large.id))
            tasks.start_soon(follow, "small", of(small.id))
        assert ended == ["small", "large"]
        async with world.database.read() as connection:
            found = await connection.exec_driver_sql("SELECT count(*) FROM runners")
            assert found.scalar_one() == 1, "one engine, one epoch"
        assert world.simulator.stats().calls == 90

    simulate(tmp_path, story)


def test_the_ceiling_is_of_the_process_whatever_the_routes(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        models = ("Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "Qwen/Qwen3-32B")
        for model in models:
            await world.queue(60, model=model, name=model)
        assert await world.run(RunOptions(rules=ASAP), max_concurrency=3) is StopReason.DONE
        assert world.simulator.stats().max_in_flight == 3

    simulate(tmp_path, story, latency_ms=(200, 400), calls_per_day=2_000)


def test_the_ceiling_of_an_account_holds_for_all_its_models(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for model in ("Qwen/Qwen3-8B", "Qwen/Qwen3-14B"):
            await world.queue(60, model=model, name=model)
        assert await world.run(RunOptions(rules=ASAP), account_concurrency=3) is StopReason.DONE
        assert world.simulator.stats().max_in_flight == 3

    simulate(tmp_path, story, latency_ms=(200, 400), calls_per_day=2_000)


def test_a_disk_that_is_nearly_full_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while calls end and jobs fall due: what is in flight is stored, and nothing is begun."""
    free = [10**9]
    usage = type("usage", (), {"free": property(lambda _self: free[0])})
    monkeypatch.setattr("runner.engine.trouble.shutil.disk_usage", lambda _path: usage())

    async def story(world: World) -> None:
        batch = await world.queue(60)

        async def fill_and_empty() -> None:
            await anyio.sleep(3)
            free[0] = 10**6
            await anyio.sleep(3600)
            assert 0 < (await world.batch(batch)).counts.succeeded < 60
            free[0] = 10**9

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fill_and_empty)
            assert await world.run(RunOptions(rules=ASAP), max_concurrency=4) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 60

    simulate(tmp_path, story, faults={"error_500": 0.2})


@pytest.mark.parametrize("seconds", [0, 3])
def test_a_database_that_is_locked_for_a_while_is_waited_for(tmp_path: Path, seconds: int) -> None:
    """Before the first call, or in the midst of them: that none starts does not end the run."""

    async def story(world: World) -> None:
        batch = await world.queue(60)

        async def hold() -> None:
            await anyio.sleep(seconds)
            with raw(tmp_path / "queue.db") as other:
                other.execute("BEGIN IMMEDIATE")
                await anyio.sleep(3600)
                assert (await world.batch(batch)).counts.succeeded < 60
                assert "locked" in str(world.shown[-1].trouble)
                other.execute("ROLLBACK")

        async with world.engine(max_concurrency=4) as engine, anyio.create_task_group() as tasks:
            await anyio.sleep(1)
            tasks.start_soon(hold)
            await anyio.lowlevel.checkpoint()
            assert await engine.run(world.wanted(RunOptions(rules=ASAP))) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 60

    simulate(tmp_path, story)


def test_a_database_that_is_locked_while_the_balances_come_is_waited_for(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(20)

        async def release(other: sqlite3.Connection) -> None:
            await anyio.sleep(600)
            other.execute("ROLLBACK")

        async with world.engine() as engine, anyio.create_task_group() as tasks:
            with raw(tmp_path / "queue.db") as other:
                other.execute("BEGIN IMMEDIATE")
                tasks.start_soon(release, other)
                assert await engine.run(world.wanted(RunOptions(rules=ASAP))) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 20

    simulate(tmp_path, story, credits=50.0)


def test_a_run_that_comes_after_the_engine_has_failed_ends_as_the_others_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        await world.queue(5)

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        async with world.engine() as engine:
            monkeypatch.setattr("runner.core.admission.admit", broken)
            for _ in range(2):
                with pytest.raises(EngineError, match="ZeroDivisionError"):
                    await engine.run(world.wanted())

    simulate(tmp_path, story)


def test_a_pause_is_heeded_before_the_next_call_starts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(190)
        async with world.engine(max_concurrency=1) as engine, anyio.create_task_group() as tasks:
            tasks.start_soon(engine.run, of(batch.id))
            await anyio.sleep(10)
            async with world.database.write() as connection:
                await set_batch_state(connection, batch.id, BatchState.PAUSED, "not now")
            made = world.simulator.stats().calls
            await anyio.sleep(60)
            assert made <= world.simulator.stats().calls <= made + 1, "that in flight, and no other"

    simulate(tmp_path, story)


def test_a_poller_that_fails_cancels_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls beside it are paid."""

    async def broken(_endpoint: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(balance_poller, "ask_balance", broken)

    async def story(world: World) -> None:
        batch = await world.queue(30)
        assert await world.run(RunOptions(rules=ASAP)) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 30

    simulate(tmp_path, story)


def test_without_waiting_a_provider_that_fails_every_call_ends_the_run_within_minutes(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        await world.queue(5)
        begun = world.clock.now()
        assert await world.run(RunOptions(rules=ASAP, waits_for=WaitsFor.CALLS)) is StopReason.SPENT
        assert world.clock.now() - begun < 30 * 60_000

    simulate(tmp_path, story, faults={"drop": 1.0})
