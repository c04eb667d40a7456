"""Many rows in one call: what that saves, and that every row still ends with one checked answer."""

from pathlib import Path

import pytest

from runner.core.packing import Packing
from runner.jobfile import parse
from runner.store import batches, enqueue
from runner.store.batches import Batch, NewBatch
from tests.store.kit import fingerprint
from tests.support.world import MODEL, World, right_answer, simulate

PACKED = """
[job]
name = "letters"
model = "{model}"
pack = 20
[prompt]
user = "Which letter is {{{{ text }}}}?"
[answer]
kind = "label"
labels = ["a", "b", "c"]
"""
FAST = {"latency_ms": (10, 20), "calls_per_day": 2_000}


async def packed(world: World, rows: int, start: int = 0, **more: object) -> Batch:
    """A batch of `rows` different rows, twenty in a call."""
    job = parse(PACKED.format(model=MODEL), "letters.toml")
    digest = f"packed:{start}:{rows}:{more}"
    new = NewBatch(
        "letters",
        digest,
        (MODEL,),
        job.to_json(),
        "in.csv",
        '["text"]',
        rows,
        packing=Packing(20),
        **more,
    )
    async with world.database.write() as connection:
        batch = await batches.create_batch(connection, new, world.clock.now())
        texts = [f'{{"text":"letters {number}"}}' for number in range(rows)]
        prints = list(map(fingerprint, texts))
        return await enqueue.enqueue(connection, batch, 0, texts, prints, world.clock.now())


async def settled(world: World, batch: Batch) -> Batch:
    """The batch at its end, once every row was found to have the one right answer."""
    found = await world.rows(batch)
    assert all(map(right_answer, found))
    assert await world.defects() == []
    return await world.batch(batch)


ROWS = [
    pytest.param(6_000, marks=pytest.mark.slow),
    pytest.param(30_000, marks=pytest.mark.nightly),  # in 1,500 calls: a night, not fifteen days
]


@pytest.mark.parametrize("rows", ROWS)
def test_good_answers_take_one_call_for_twenty_rows(tmp_path: Path, rows: int) -> None:
    async def story(world: World) -> None:
        batch = await packed(world, rows)
        assert await world.run() == "done"
        assert (await settled(world, batch)).calls_made == rows // 20
        assert world.simulator.stats().calls == rows // 20

    simulate(tmp_path, story, **FAST)


@pytest.mark.parametrize("rows", ROWS)
def test_rows_that_are_missing_or_wrong_are_asked_again_together(tmp_path: Path, rows: int) -> None:
    """One item in twenty is spoilt, which costs less than one call in five."""

    async def story(world: World) -> None:
        batch = await packed(world, rows)
        assert await world.run() == "done"
        calls = (await settled(world, batch)).calls_made
        assert rows / 20 < calls < 1.2 * rows / 20

    faults = {"item_missing": 0.02, "item_wrong": 0.02, "item_twice": 0.01}
    simulate(tmp_path, story, **FAST, faults=faults)


def test_what_was_answered_before_costs_no_call_and_new_rows_cost_what_they_are(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        first = await packed(world, 1_000)
        await world.run()
        assert (await settled(world, first)).calls_made == 50
        again = await packed(world, 1_000, start=1, reuse_answers=True)
        assert again.done
        more = await packed(world, 1_100, reuse_answers=True)
        assert await world.run() == "done"
        assert (await settled(world, more)).calls_made == 5
        assert world.simulator.stats().calls == 55

    simulate(tmp_path, story, **FAST)


def test_calls_that_fail_as_a_whole_cost_no_row_an_attempt(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await packed(world, 600)
        assert await world.run() == "done"
        await settled(world, batch)

    faults = {"error_500": 0.15, "drop": 0.1, "truncated": 0.1, "empty_shell": 0.05}
    simulate(tmp_path, story, **FAST, faults=faults)


def test_a_row_that_spoils_every_call_it_is_in_fails_alone(tmp_path: Path) -> None:
    """The other nineteen do not pay for it with their answers."""

    async def story(world: World) -> None:
        batch = await packed(world, 40)
        assert await world.run() == "done"
        found = await world.batch(batch)
        assert found.counts.succeeded == 40

    simulate(tmp_path, story, **FAST, faults={"item_wrong": 0.5})
