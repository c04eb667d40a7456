"""Jobs that are read ahead: none is asked if another batch has the answer by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import insert

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.packing import ALONE, Packing
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason
from runner.engine.progress import Progress
from runner.engine.run import Run, RunOptions
from runner.jobfile import parse
from runner.store import batch_updates, batches, enqueue
from runner.store.batches import Batch, NewBatch
from runner.store.opening import open_database
from runner.store.tables import runners
from tests.store.kit import fingerprint, start_one
from tests.store.promises import broken_promises
from tests.store.releases import rows
from tests.support.world import JOB, MODEL, World, right_answer, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))
PACKED = JOB.replace("[prompt]", "pack = 4\n[prompt]")
IMAGES = """
[job]
name = "letters"
kind = "image"
model = "Qwen/Qwen3-8B"
[prompt]
user = "{{ text }}"
"""
ASKED = "SELECT count(*) FROM calls"
PAID = "SELECT count(*) FROM results WHERE answer IS NOT NULL AND reused = 0"


async def queue(
    world: World,
    name: str,
    numbers: Sequence[int],
    packing: Packing = ALONE,
    text: str = "",
    **more: Any,
) -> Batch:
    """A batch that asks about these numbers, and takes the answers of other batches."""
    text = text or (PACKED if packing.most > 1 else JOB).format(model=MODEL)
    job = parse(text, "letters.toml")
    texts = [f'{{"text":"letters {number}"}}' for number in numbers]
    new = NewBatch(
        **{
            "name": name,
            "digest": name,
            "models": (MODEL,),
            "job_json": job.to_json(),
            "input": "in.csv",
            "columns_json": '["text"]',
            "rows": len(texts),
            "packing": packing,
            "reuse_answers": True,
        }
        | more
    )
    async with world.database.write() as connection:
        batch = await batches.create_batch(connection, new, world.clock.now())
        prints = list(map(fingerprint, texts))
        await enqueue.enqueue(connection, batch, 0, texts, prints, world.clock.now())
        await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)
    return batch


@pytest.mark.parametrize("packing", [ALONE, Packing(4)], ids=["alone", "packs"])
def test_what_one_batch_is_told_no_other_asks_though_it_was_read_ahead(
    tmp_path: Path, packing: Packing
) -> None:
    async def story(world: World) -> None:
        own = [await queue(world, f"batch {n}", range(n, 40 + n), packing) for n in range(3)]
        assert await world.run(ASAP, max_concurrency=1) is StopReason.DONE
        made = [(await world.batch(batch)).calls_made for batch in own]
        assert min(made) > 1, "they took turns"
        for batch in own:
            assert all(map(right_answer, await world.rows(batch)))
        assert await world.defects() == []

    simulate(tmp_path, story)
    assert rows(tmp_path / "queue.db", PAID) == [(42,)], "one answer for each request"
    assert broken_promises(tmp_path / "queue.db") == []


def test_it_holds_for_what_failed_for_a_time_and_what_is_told_late(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for number in range(3):
            packing = Packing(4) if number == 1 else ALONE
            await queue(world, f"batch {number}", range(10 * number, 60), packing)
        assert await world.run(ASAP, max_concurrency=1) is StopReason.DONE

    faults = {"error_500": 0.2, "drop": 0.1, "item_missing": 0.1, "truncated": 0.05}
    simulate(tmp_path, story, faults=faults, calls_per_day=None)
    assert rows(tmp_path / "queue.db", PAID) == [(60,)]
    assert broken_promises(tmp_path / "queue.db") == []


def test_a_batch_that_wants_its_own_answers_gets_them(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        own = await queue(world, "own", range(20), reuse_answers=False)
        other = await queue(world, "other", range(20), priority=1)
        assert await world.run(ASAP, max_concurrency=1) is StopReason.DONE
        assert (await world.batch(own)).calls_made == 20
        assert (await world.batch(other)).calls_made == 0, "it takes those of the first"

    simulate(tmp_path, story)


def test_a_call_that_is_under_way_is_not_given_up_for_an_answer_elsewhere(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        own = [await queue(world, name, range(8)) for name in ("first", "second")]
        run = world.run(ASAP, provider="openai-compatible", max_concurrency=16)
        assert await run is StopReason.DONE
        for batch in own:
            assert all(map(right_answer, await world.rows(batch)))

    simulate(tmp_path, story, latency_ms=(100, 900))
    assert broken_promises(tmp_path / "queue.db") == []


def test_what_was_read_ahead_for_a_run_that_was_stopped_is_not_asked_by_the_next(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        first = await queue(world, "first", range(30))
        second = await queue(world, "second", range(30))
        async with world.engine(max_concurrency=1) as engine:

            def stop_soon(progress: Progress) -> None:
                if sum(batch.counts.succeeded for batch in progress.batches) > 2:
                    engine.stop(run)

            run = Run(replace(only(second), watcher=stop_soon))
            assert await engine.run(run) is StopReason.STOPPED
            for batch in (first, second):
                assert await engine.run(Run(only(batch))) is StopReason.DONE
        made = [(await world.batch(batch)).calls_made for batch in (first, second)]
        assert sum(made) == 30

    simulate(tmp_path, story)


@pytest.mark.parametrize("packing", [ALONE, Packing(4)], ids=["alone", "packs"])
def test_what_is_in_flight_for_one_batch_is_not_asked_for_another(
    tmp_path: Path, packing: Packing
) -> None:
    """Though all start in one turn, and there is room for all of them at once."""

    async def story(world: World) -> None:
        own = [await queue(world, f"batch {n}", range(2 * n, 8 + 2 * n), packing) for n in range(3)]
        run = world.run(ASAP, provider="openai-compatible", max_concurrency=64)
        assert await run is StopReason.DONE
        for batch in own:
            assert all(map(right_answer, await world.rows(batch)))
        assert await world.defects() == []

    simulate(tmp_path, story, latency_ms=(100, 900))
    assert rows(tmp_path / "queue.db", PAID) == [(12,)], "one answer for each request"
    assert broken_promises(tmp_path / "queue.db") == []


def test_identical_batches_share_the_work_at_full_speed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for name in ("first", "second"):
            await queue(world, name, range(400))
        began = world.clock.now()
        run = world.run(ASAP, provider="openai-compatible", max_concurrency=64)
        assert await run is StopReason.DONE
        assert world.clock.now() - began < 15_000, "neither waits for the other's whole batch"

    simulate(tmp_path, story, latency_ms=(1_000, 1_000), calls_per_day=None)
    assert rows(tmp_path / "queue.db", ASKED) == [(400,)]


def test_what_holds_a_job_back_may_fail_then_the_job_asks_for_itself(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for number in range(3):
            packing = Packing(4) if number == 1 else ALONE
            await queue(world, f"batch {number}", range(10 * number, 60), packing)
        run = world.run(ASAP, provider="openai-compatible", max_concurrency=64)
        assert await run is StopReason.DONE

    faults = {"error_500": 0.2, "drop": 0.1, "item_missing": 0.1, "truncated": 0.05}
    simulate(tmp_path, story, faults=faults, calls_per_day=None, latency_ms=(100, 900))
    assert rows(tmp_path / "queue.db", PAID) == [(60,)]
    assert broken_promises(tmp_path / "queue.db") == []


def test_a_batch_that_wants_its_own_answers_waits_for_nobody(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        fresh = await queue(world, "fresh", range(8), reuse_answers=False)
        other = await queue(world, "other", range(8))
        run = world.run(ASAP, provider="openai-compatible", max_concurrency=64)
        assert await run is StopReason.DONE
        assert (await world.batch(fresh)).calls_made == 8
        assert (await world.batch(other)).calls_made <= 8

    simulate(tmp_path, story, latency_ms=(500, 500))


def test_an_image_in_the_making_is_not_ordered_for_another_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the images go

    async def story(world: World) -> None:
        own = [await queue(world, name, range(3), text=IMAGES) for name in ("first", "second")]
        async with world.engine() as engine:
            assert await engine.run(Run(ASAP)) is StopReason.DONE
        assert {(await world.batch(batch)).counts.succeeded for batch in own} == {3}

    simulate(tmp_path, story)
    assert rows(tmp_path / "queue.db", ASKED) == [(3,)]


def test_what_another_process_asks_is_awaited(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first = await queue(world, "first", range(8))
        second = await queue(world, "second", range(8))
        async with (
            open_database(tmp_path / "queue.db", inline=True, durable=False) as database,
            world.engine(provider="openai-compatible") as engine,
            replace(world, database=database).engine(provider="openai-compatible") as other,
            anyio.create_task_group() as runs,
        ):
            runs.start_soon(engine.run, Run(only(first)))
            await anyio.sleep(3)
            runs.start_soon(other.run, Run(only(second)))
        assert (await world.batch(second)).counts.succeeded == 8

    simulate(tmp_path, story, latency_ms=(10_000, 10_000), tick_s=0.5, calls_per_day=None)
    assert rows(tmp_path / "queue.db", ASKED) == [(8,)]


def test_what_a_dead_process_asked_is_asked_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first = await queue(world, "first", range(4))
        second = await queue(world, "second", range(4))
        async with world.database.write() as connection:
            dead = {"pid": 1, "host": "here", "started_at_ms": world.clock.now()}
            added = insert(runners).values(dead).returning(runners.c.id)
            runner_id = (await connection.execute(added)).scalar_one()
            await start_one(connection, first, runner_id)
        run = world.run(only(second), provider="openai-compatible")
        assert await run is StopReason.DONE
        assert (await world.batch(second)).counts.succeeded == 4

    simulate(tmp_path, story)


def only(batch: Batch) -> RunOptions:
    return replace(ASAP, only=frozenset({batch.id}))
