"""Jobs that are read ahead: none is asked if another batch has the answer by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.core.demand import Rules
from runner.core.ending import Ending
from runner.core.pacing import Pace
from runner.core.packing import ALONE, Packing
from runner.core.states import BatchState
from runner.engine.progress import Progress
from runner.engine.run import Run, RunOptions
from runner.jobfile import parse
from runner.store import batch_updates, batches, enqueue
from runner.store.batches import Batch, NewBatch
from tests.store.kit import fingerprint
from tests.store.promises import broken_promises
from tests.store.releases import rows
from tests.support.world import JOB, MODEL, World, right_answer, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))
PACKED = JOB.replace("[prompt]", "pack = 4\n[prompt]")
PAID = "SELECT count(*) FROM results WHERE answer IS NOT NULL AND reused = 0"


async def queue(
    world: World, name: str, numbers: Sequence[int], packing: Packing = ALONE, **more: Any
) -> Batch:
    """A batch that asks about these numbers, and takes the answers of other batches."""
    job = parse((PACKED if packing.most > 1 else JOB).format(model=MODEL), "letters.toml")
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
        assert await world.run(ASAP, max_concurrency=1) is Ending.DONE
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
        assert await world.run(ASAP, max_concurrency=1) is Ending.DONE

    faults = {"error_500": 0.2, "drop": 0.1, "item_missing": 0.1, "truncated": 0.05}
    simulate(tmp_path, story, faults=faults, calls_per_day=None)
    assert rows(tmp_path / "queue.db", PAID) == [(60,)]
    assert broken_promises(tmp_path / "queue.db") == []


def test_a_batch_that_wants_its_own_answers_gets_them(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        own = await queue(world, "own", range(20), reuse_answers=False)
        other = await queue(world, "other", range(20), priority=1)
        assert await world.run(ASAP, max_concurrency=1) is Ending.DONE
        assert (await world.batch(own)).calls_made == 20
        assert (await world.batch(other)).calls_made == 0, "it takes those of the first"

    simulate(tmp_path, story)


def test_a_call_that_is_under_way_is_not_given_up_for_an_answer_elsewhere(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        own = [await queue(world, name, range(8)) for name in ("first", "second")]
        run = world.run(ASAP, provider="openai-compatible", max_concurrency=16)
        assert await run is Ending.DONE
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
            assert await engine.run(run) is Ending.STOPPED
            for batch in (first, second):
                assert await engine.run(Run(only(batch))) is Ending.DONE
        made = [(await world.batch(batch)).calls_made for batch in (first, second)]
        assert sum(made) == 30

    simulate(tmp_path, story)


def only(batch: Batch) -> RunOptions:
    return replace(ASAP, only=frozenset({batch.id}))
