"""Tasks: what was paid for is looked at until it ends, by whoever is there."""

from runner.core.retry import FIRST_LOOK_MS, Accept
from runner.core.states import Counts
from runner.store import dispatch, tasks
from runner.store.database import Database
from tests.store.kit import (
    ACCOUNT,
    NOON,
    OURS,
    Store,
    broken_promises,
    each,
    open_gates,
    reread,
    start,
    start_one,
    submit,
)

SOON = NOON + FIRST_LOOK_MS


def test_an_accepted_job_is_pending_and_looked_at_when_it_is_due(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 1)
            one = await start_one(connection, batch)
            await dispatch.finish(connection, each(one, Accept("t1")), NOON)
            batch = await reread(connection, batch)
            assert batch.counts == Counts(pending=1)
            assert not batch.done
            assert batch.calls_needed == 0
            assert await tasks.next_due(connection, [ACCOUNT]) == SOON
            assert await tasks.next_due(connection, ["another"]) is None
            assert await tasks.take_due(connection, [ACCOUNT], SOON - 1) == []
            [task] = await tasks.take_due(connection, [ACCOUNT], SOON)
            assert (task.job_id, task.task_id, task.call_id) == (1, "t1", one.call_id)
            assert await tasks.take_due(connection, [ACCOUNT], SOON) == [], "somebody looks"
            await tasks.look_again(connection, task, SOON + 9)
            assert await tasks.take_due(connection, [ACCOUNT], SOON + 9) == [task]

    store.run(main)
    assert broken_promises(store.path) == []


def test_a_dead_runners_tasks_stay_pending(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 2)
            await dispatch.finish(
                connection, each(await start_one(connection, batch), Accept("t1")), NOON
            )
            await start_one(connection, batch)
            assert await dispatch.rescue(connection, OURS, NOON) == 1
            assert (await reread(connection, batch)).counts == Counts(ready=1, pending=1)

    store.run(main)
    assert broken_promises(store.path) == []


def test_a_task_ends_done_failed_or_lost_and_once(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 4)
            await open_gates(connection, batch)
            for one in await start(connection, batch, 3):
                name = f"t{one.jobs[0].job_id}"
                await dispatch.finish(connection, each(one, Accept(name)), NOON)
            two, three, four = await tasks.take_due(connection, [ACCOUNT], SOON)
            for _ in range(2):
                await tasks.done(connection, two, "2.png", SOON)
                await tasks.failed(connection, three, "refused", SOON)
                await tasks.begin_again(connection, four, 3, "unheard of", SOON)
            counts = (await reread(connection, batch)).counts
            assert counts == Counts(ready=1, succeeded=2, failed=1)
            again = await start_one(connection, batch)
            assert (again.jobs[0].job_id, again.jobs[0].tries.faults) == (4, 1)
            assert await results.retry_failed(connection, batch) == 1

    store.run(main)
    assert store.rows("SELECT id, rows FROM calls") == [(1, 1), (2, 1), (3, 0), (4, 0), (5, 0)]
    assert store.rows("SELECT job_id, answer FROM results") == [(1, "yes"), (2, "2.png")]
    assert broken_promises(store.path) == []


def test_what_a_dead_runner_was_looking_at_is_looked_at_at_once(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 1)
            one = await start_one(connection, batch)
            await dispatch.finish(connection, each(one, Accept("t1")), NOON)
            [task] = await tasks.take_due(connection, [ACCOUNT], SOON)
            await dispatch.rescue(connection, OURS, SOON)
            assert await tasks.take_due(connection, [ACCOUNT], SOON) == [task]

    store.run(main)


def test_a_look_that_comes_late_leaves_the_next_task_alone(store: Store) -> None:
    """Two looked at the first; one found it lost, and the job was asked anew meanwhile."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 1)
            one = await start_one(connection, batch)
            await dispatch.finish(connection, each(one, Accept("t1")), NOON)
            [first] = await tasks.take_due(connection, [ACCOUNT], SOON)
            await tasks.begin_again(connection, first, 3, "unheard of", SOON)
            again = await start_one(connection, batch)
            await dispatch.finish(connection, each(again, Accept("t2")), SOON)
            await tasks.begin_again(connection, first, 3, "unheard of", SOON)
            await tasks.failed(connection, first, "refused", SOON)
            await tasks.look_again(connection, first, 0)
            [second] = await tasks.take_due(connection, [ACCOUNT], SOON + FIRST_LOOK_MS)
            assert (second.task_id, second.call_id) == ("t2", again.call_id)
            await tasks.done(connection, second, "1.png", SOON)
            assert (await reread(connection, batch)).counts == Counts(succeeded=1)

    store.run(main)
    assert broken_promises(store.path) == []
