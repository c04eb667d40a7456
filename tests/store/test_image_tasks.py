"""Image tasks: what was paid for is polled until it ends, by whoever is there."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import FIRST_POLL_MS, Accept
from runner.core.states import Counts
from runner.store import image_tasks, retries, runners
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.image_tasks import ImageTask
from runner.store.rescue import rescue
from tests.store.kit import (
    ACCOUNT,
    DAY,
    NOON,
    OURS,
    THEIRS,
    Store,
    done,
    each,
    open_gates,
    reread,
    settle,
    settle_task,
    start,
    start_one,
    submit,
)

SOON = NOON + FIRST_POLL_MS


async def begin(connection: AsyncConnection, batch: Batch, count: int = 1) -> None:
    """Have the provider begin `count` tasks."""
    for call in await start(connection, batch, count):
        await settle(connection, each(call, Accept(f"t{call.jobs[0].job_id}")))


async def lease(
    connection: AsyncConnection, runner_id: int = OURS, now: int = SOON, most: int = 9
) -> list[ImageTask]:
    return await image_tasks.lease_due(connection, [ACCOUNT], runner_id, most, now)


def test_an_accepted_job_is_pending_and_polled_when_it_is_due(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 1)
        await begin(connection, batch)
        batch = await reread(connection, batch)
        assert batch.counts == Counts(pending=1)
        assert not batch.done
        assert batch.calls_needed == 0
        assert await image_tasks.next_due(connection, [ACCOUNT]) == SOON
        assert await image_tasks.next_due(connection, ["another"]) is None
        assert await lease(connection, now=SOON - 1) == []
        assert await image_tasks.lease_due(connection, ["another"], OURS, 9, SOON) == []
        [task] = await lease(connection)
        assert (task.job_id, task.task_id, task.call_id) == (1, "t1", 1)
        await image_tasks.poll_again(connection, task, SOON + 9)
        assert await lease(connection, now=SOON + 8) == []
        assert await lease(connection, now=SOON + 9) == [task]

    store.play(scene)


def test_no_more_tasks_are_leased_than_are_polled_at_once_the_first_due_first(
    store: Store,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 6)
        await open_gates(connection, batch)
        await begin(connection, batch, 5)
        first = await lease(connection, most=2)
        assert [task.job_id for task in first] == [2, 3]
        await image_tasks.poll_again(connection, first[0], SOON + 5)
        left = await lease(connection, now=SOON + 9)
        assert [task.job_id for task in left] == [4, 5, 6, 2]

    store.play(scene)


@pytest.mark.parametrize("after", [0, DAY, 400 * DAY])
def test_a_lease_does_not_run_out_while_its_poll_waits_its_turn(store: Store, after: int) -> None:
    """However long that takes: an image would be fetched twice."""

    async def scene(connection: AsyncConnection) -> None:
        await begin(connection, await submit(connection, 1))
        assert len(await lease(connection)) == 1
        assert await lease(connection, THEIRS, SOON + after) == []
        assert await image_tasks.next_due(connection, [ACCOUNT]) is None

    store.play(scene)


def test_the_leases_of_a_runner_end_with_it_and_those_of_others_do_not(store: Store) -> None:
    async def main(database: Database) -> None:
        async with (
            runners.registered(database, lambda: NOON) as one,
            database.write() as connection,
        ):
            batch = await submit(connection, 3)
            await open_gates(connection, batch)
            await begin(connection, batch, 2)
            [ours] = await lease(connection, one, most=1)
            [theirs] = await lease(connection, THEIRS, most=1)
        async with database.write() as connection:
            assert await lease(connection, THEIRS) == [ours]
            await rescue(connection, THEIRS, SOON)
            assert await lease(connection, OURS) == [ours, theirs]

    store.run(main)
    assert store.broken() == []


def test_a_dead_runners_tasks_stay_pending(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 2)
        await begin(connection, batch)
        await start_one(connection, batch)
        assert await rescue(connection, OURS, NOON) == 1
        assert (await reread(connection, batch)).counts == Counts(ready=1, pending=1)

    store.play(scene)


def test_a_late_answer_makes_an_end_of_the_task(store: Store) -> None:
    """The call before was given up, and had been paid for: there is an answer, and no poll more."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 1)
        late = await start_one(connection, batch)
        await rescue(connection, OURS, NOON)
        await begin(connection, batch)
        [task] = await lease(connection)
        await settle(connection, done(late, "late"))
        await settle_task(connection, image_tasks.done, task, "1.png", SOON)
        assert (await reread(connection, batch)).counts == Counts(succeeded=1)

    store.play(scene)
    assert store.rows("SELECT call_id, answer FROM results") == [(1, "late")]
    assert store.rows("SELECT id, rows_finished FROM calls") == [(1, 1), (2, 0)]


def test_a_task_ends_done_failed_or_lost_and_once(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 4)
        await open_gates(connection, batch)
        await begin(connection, batch, 3)
        two, three, four = await lease(connection)
        for _ in range(2):
            await settle_task(connection, image_tasks.done, two, "2.png", SOON)
            await settle_task(connection, image_tasks.failed, three, "refused", SOON)
            await settle_task(connection, image_tasks.begin_again, four, 3, "unheard of", SOON)
        counts = (await reread(connection, batch)).counts
        assert counts == Counts(ready=1, succeeded=2, failed=1)
        again = await start_one(connection, batch)
        assert (again.jobs[0].job_id, again.jobs[0].tries.faults) == (4, 1)
        assert await retries.retry_failed(connection, batch) == 1

    store.play(scene)
    finished = store.rows("SELECT id, rows_finished FROM calls")
    assert finished == [(1, 1), (2, 1), (3, 0), (4, 0), (5, 0)]
    assert store.rows("SELECT job_id, answer FROM results") == [(1, "yes"), (2, "2.png")]


def test_a_task_that_is_lost_too_often_fails_its_job(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 1)
        for number in range(3):
            now = SOON + number * DAY
            [call] = await start(connection, batch, now=now)
            await settle(connection, each(call, Accept(f"t{number}")), now=now)
            [task] = await lease(connection, now=now + DAY)
            await settle_task(connection, image_tasks.begin_again, task, 3, "lost", now)
        assert (await reread(connection, batch)).counts == Counts(failed=1)

    store.play(scene)
    assert store.rows("SELECT error FROM results") == [("lost (tried 3 times)",)]


def test_a_poll_that_comes_late_leaves_the_next_task_alone(store: Store) -> None:
    """Two polled the first; one found it lost, and the job was asked anew meanwhile."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 1)
        await begin(connection, batch)
        [first] = await lease(connection)
        await settle_task(connection, image_tasks.begin_again, first, 3, "unheard of", SOON)
        again = await start_one(connection, batch)
        await settle(connection, each(again, Accept("t2")), now=SOON)
        await settle_task(connection, image_tasks.begin_again, first, 3, "unheard of", SOON)
        await settle_task(connection, image_tasks.failed, first, "refused", SOON)
        await image_tasks.poll_again(connection, first, 0)
        [second] = await lease(connection, now=SOON + FIRST_POLL_MS)
        assert (second.task_id, second.call_id) == ("t2", again.id)
        await settle_task(connection, image_tasks.done, second, "1.png", SOON)
        assert (await reread(connection, batch)).counts == Counts(succeeded=1)

    store.play(scene)
