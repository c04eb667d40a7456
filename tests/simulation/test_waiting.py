"""A runner that waits for hours: it asks little, and misses nothing that others do."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from filelock import FileLock
from sqlalchemy import insert

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.engine import queue_reader
from runner.engine.engine import LONGEST_SLEEP_S
from runner.engine.run import RunOptions
from runner.store import liveness, tables
from tests.support.world import World, simulate

TICK_S = 5.0
ALLOWED = 20


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each time that the engine has read the queue between its turns."""
    counted: list[None] = []
    read_snapshot: Callable[..., Any] = queue_reader.read_snapshot

    def counting(*args: Any) -> Any:
        counted.append(None)
        return read_snapshot(*args)

    monkeypatch.setattr(queue_reader, "read_snapshot", counting)
    return counted


@asynccontextmanager
async def a_spent_day(world: World) -> AsyncIterator[None]:
    """A runner that has spent its day, and waits for the next one."""
    await world.queue(2 * ALLOWED)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, RunOptions(rules=Rules(Pace.ASAP)))
        await anyio.sleep(600)
        assert world.simulator.stats().answered == ALLOWED
        yield
        tasks.cancel_scope.cancel()


async def unended(world: World) -> list[int]:
    async with world.database.read() as connection:
        return await liveness.unended(connection)


def test_the_queue_is_read_again_only_when_somebody_has_written(
    tmp_path: Path, reads: list[None]
) -> None:
    async def story(world: World) -> None:
        async with a_spent_day(world):
            before = len(reads)
            await anyio.sleep(3_600)
            assert len(reads) == before
            await world.queue(5, name="others")
            await anyio.sleep(2 * TICK_S)
            assert len(reads) == before + 1
            assert {batch.name for batch in world.shown[-1].batches} == {"letters", "others"}

    simulate(tmp_path, story, calls_per_day=ALLOWED, tick_s=TICK_S)


def test_a_runner_that_works_alone_does_not_take_its_own_writes_for_others(
    tmp_path: Path, reads: list[None]
) -> None:
    async def story(world: World) -> None:
        await world.queue(60)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.run, RunOptions(rules=Rules(Pace.ASAP)))
            await anyio.sleep(TICK_S)  # it has begun
            before = len(reads)
            await anyio.sleep(8 * TICK_S)
            assert world.simulator.stats().answered < 60  # it is still at work
            assert len(reads) == before
            tasks.cancel_scope.cancel()

    simulate(tmp_path, story, latency_ms=(3_000, 3_000), max_concurrency=2, tick_s=TICK_S)


def test_what_is_shown_is_never_older_than_a_minute(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with a_spent_day(world):
            world.shown.clear()
            await anyio.sleep(3_600)
            moments = [progress.at / 1000 for progress in world.shown]
            gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
            assert max(gaps) <= LONGEST_SLEEP_S + TICK_S
            assert len(gaps) < 3_600 / LONGEST_SLEEP_S + 1

    simulate(tmp_path, story, calls_per_day=ALLOWED, tick_s=TICK_S)


def test_a_runner_that_dies_without_a_word_is_found_by_its_lock(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        lock = FileLock(Path(f"{world.database.path}-runners") / "99.lock", thread_local=False)
        Path(lock.lock_file).parent.mkdir(exist_ok=True)
        other = {"id": 99, "pid": 1, "host": "here", "started_at_ms": world.clock.now()}
        with lock:
            async with world.database.write() as connection:
                await connection.execute(insert(tables.runners).values(other))
            async with a_spent_day(world):
                assert 99 in await unended(world)
                lock.release(force=True)
                await anyio.sleep(2 * TICK_S)
                assert 99 not in await unended(world)

    simulate(tmp_path, story, calls_per_day=ALLOWED, tick_s=TICK_S)
