"""Batches: found again, loaded in pieces, and runnable as long as there is something to do."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import BatchState, Counts
from runner.store import batch_updates, batches, enqueue
from runner.store.database import Database
from tests.store.kit import (
    NOON,
    VIOLATIONS,
    Store,
    done,
    new_batch,
    reread,
    settle,
    start_one,
    submit,
)


def test_the_same_job_file_and_input_are_one_batch(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            assert await batches.find_batch(connection, "first") == batch
            assert await batches.find_batch(connection, "second") is None
            assert await batches.get_batch(connection, 77) is None
            assert await batches.list_batches(connection) == [batch]
            with pytest.raises(VIOLATIONS):
                await submit(connection)

    store.run(main)


def test_loading_goes_on_where_it_stopped(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await batches.create_batch(connection, new_batch(5), NOON)
            await enqueue.enqueue(connection, batch, 0, ["{}"] * 3)
        async with database.write() as connection:
            batch = await reread(connection, batch)
            assert (batch.rows_loaded, batch.state, batch.done) == (3, BatchState.LOADING, False)
            assert [one.id for one in await batches.runnable(connection)] == [batch.id]
            await enqueue.enqueue(connection, batch, batch.rows_loaded, ["{}"] * 2)
            assert (await reread(connection, batch)).counts == Counts(ready=5)

    store.run(main)
    assert store.broken() == []


def test_the_same_rows_are_not_queued_twice(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await enqueue.enqueue(connection, await submit(connection, 5), 4, ["{}"])

    with pytest.raises(VIOLATIONS):
        store.run(main)


def test_a_batch_takes_no_more_rows_than_it_was_made_for(store: Store) -> None:
    """The numbers behind belong to the next batch."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await batches.create_batch(connection, new_batch(1), NOON)
            await enqueue.enqueue(connection, batch, 0, ["{}", "{}"])

    with pytest.raises(ValueError, match="takes 1 rows, not 2"):
        store.run(main)


def test_batches_that_are_paused_cancelled_or_finished_are_not_runnable(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        for state in (BatchState.PAUSED, BatchState.CANCELLED, BatchState.ACTIVE):
            batch = await submit(connection, 1, digest=state)
            await batch_updates.set_batch_state(connection, batch.id, state, "why")
        await submit(connection, 0, digest="no rows")
        assert [one.digest for one in await batches.runnable(connection)] == ["active"]
        await settle(connection, done(await start_one(connection, batch)))
        assert await batches.runnable(connection) == []
        assert (await reread(connection, batch)).done

    store.play(scene)


def test_the_parts_of_a_batch_are_about_its_rows(store: Store) -> None:
    """A second vote of every row, and a check of every third one."""

    async def scene(connection: AsyncConnection) -> None:
        whole = await submit(connection, 7)
        for part, first_row, step, number in (("vote 2", 1, 1, 7), ("check", 2, 3, 2)):
            new = new_batch(
                number, part, part_of=whole.id, part=part, first_row=first_row, row_step=step
            )
            batch = await batches.create_batch(connection, new, NOON)
            await enqueue.add_jobs(connection, batch, 0, number)
        found = await batches.parts_of(connection, whole.id)
        assert [batch.part for batch in found] == ["", "vote 2", "check"]
        check = found[-1]
        assert [check.row(job) for job in range(check.first_job, check.last_job + 1)] == [2, 5]

    store.play(scene)
