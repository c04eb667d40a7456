"""Jobs: which are read ahead, in which order, and when those that wait are ready again."""

from dataclasses import replace

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.settlement import CallJob
from runner.core.states import Counts
from runner.core.tries import Tries
from runner.errors import StoreError
from runner.store import failures, jobs, results, retries
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.jobs import ReadyJob
from runner.store.reserve import reserve
from runner.store.results import JobResult
from runner.store.tables import jobs as jobs_table
from tests.store.kit import (
    HOUR,
    NOON,
    OURS,
    THEIRS,
    VIOLATIONS,
    Store,
    asked_again,
    failed,
    faulted,
    open_gates,
    promote,
    reread,
    settle,
    start,
    start_one,
    submit,
    throttled,
)


def test_jobs_are_claimed_in_the_order_of_the_input(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 6)
        await open_gates(connection, batch)
        claimed = [
            [call.jobs[0].job_id for call in await start(connection, batch, 2, runner)]
            for runner in (OURS, THEIRS, OURS, OURS)
        ]
        assert claimed == [[2, 3], [4, 5], [6], []]
        assert (await reread(connection, batch)).counts == Counts(running=5, succeeded=1)

    store.play(scene)


def test_a_claim_counts_the_attempt(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        [ready] = (await jobs.read_ready(connection, [batch], 1))[batch.id]
        assert ready == ReadyJob(1, Tries(attempts=0), len('{"n":1}'))
        assert await jobs.read_bodies(connection, [1, 7]) == {1: '{"n":1}', 7: '{"n":7}'}
        await start_one(connection, batch)

    store.play(scene)
    assert store.rows("SELECT state, attempts FROM jobs WHERE id = 1") == [("running", 1)]


def test_what_is_read_belongs_to_the_batch(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        first = await submit(connection, 3)
        second = await submit(connection, 3, digest="second")
        await submit(connection, 3, digest="third")
        found = await jobs.read_ready(connection, [second, first], 2)
        ids = {batch_id: [job.job_id for job in ready] for batch_id, ready in found.items()}
        assert ids == {second.id: [4, 5], first.id: [1, 2]}

    store.play(scene)


def test_a_job_that_is_asked_again_goes_first_with_the_replies_so_far(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await settle(connection, asked_again(await start_one(connection, batch)))
        assert await jobs.read_invalid_replies(connection, [1, 2]) == {
            1: (("because: yes", "no label"),)
        }
        again = await start_one(connection, batch)
        assert again.jobs[0].job_id == 1
        assert again.jobs[0].tries == Tries(attempts=2, invalid_replies=1)

    store.play(scene)


def test_a_refusal_counts_no_attempt(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await settle(connection, throttled(await start_one(connection, batch)))
        again = await start_one(connection, batch, now=NOON + HOUR)
        assert again.jobs[0].tries == Tries(attempts=1)

    store.play(scene)


def test_a_waiting_job_is_ready_when_it_is_due_and_not_before(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        due = NOON + 5000
        assert await jobs.next_due(connection) is None
        await settle(connection, faulted(await start_one(connection, batch), due))
        assert await jobs.next_due(connection) == due
        await promote(connection, due - 1)
        assert (await reread(connection, batch)).counts == Counts(ready=9, waiting=1)
        await promote(connection, due)
        assert await jobs.next_due(connection) is None
        assert (await reread(connection, batch)).counts == Counts(ready=10)
        again = await start_one(connection, batch)
        assert again.jobs[0].tries == Tries(attempts=2, faults=1)

    store.play(scene)


def test_the_due_jobs_of_several_batches_are_promoted_together(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        one = await submit(connection, 3)
        two = await submit(connection, 3, digest="second", model="other")
        for batch in (one, two):
            await open_gates(connection, batch)
            for call in await start(connection, batch, 2):
                await settle(connection, faulted(call, NOON + call.jobs[0].job_id))
        await promote(connection, NOON + 5)
        assert (await reread(connection, one)).counts == Counts(ready=2, succeeded=1)
        assert (await reread(connection, two)).counts == Counts(1, 1, succeeded=1)

    store.play(scene)


def test_failed_jobs_start_afresh_when_they_are_retried(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await open_gates(connection, batch)
        await settle(connection, *map(asked_again, await start(connection, batch, 3)))
        await settle(connection, *map(failed, await start(connection, batch, 3)))
        assert await retries.retry_failed(connection, batch) == 3
        assert await retries.retry_failed(connection, batch) == 0
        assert await failures.first_failures(connection, batch, 10) == []
        assert await jobs.read_invalid_replies(connection, [2, 3, 4]) == {}
        again = await start(connection, batch, 3)
        assert [call.jobs[0].job_id for call in again] == [2, 3, 4]
        assert {call.jobs[0].tries for call in again} == {Tries(attempts=1)}

    store.play(scene)


def test_retrying_one_batch_leaves_the_failures_of_another(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        for digest, model in (("first", "a"), ("second", "b")):
            batch = await submit(connection, 2, digest=digest, model=model)
            await settle(connection, failed(await start_one(connection, batch)))
        assert await retries.retry_failed(connection, batch) == 1

    store.play(scene)
    assert store.rows("SELECT job_id FROM results") == [(1,)]


def test_a_call_of_which_a_job_is_not_ready_is_refused(store: Store) -> None:
    """It would be paid for twice. The engine never asks for it: loudly, or nobody would know."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            [ready] = (await jobs.read_ready(connection, [batch], 1))[batch.id]
            await settle(connection, failed(call := await start_one(connection, batch)))
        before = store.dump()
        with pytest.raises(StoreError, match="damaged"):  # noqa: PT012 - a transaction
            async with database.write() as connection:
                job = CallJob(ready.job_id, ready.tries)
                again = replace(call, id=call.id + 1, jobs=(job,))
                await reserve(connection, [again], OURS, NOON, Changes())
        assert store.dump() == before

    store.run(main)


@pytest.mark.parametrize(
    "impossible",
    [
        {"state": "asleep"},
        {"state": "waiting"},
        {"state": "ready", "due_at_ms": 1},
        {"state": "running"},
        {"state": "ready", "runner_id": 1},
        {"state": "ready", "attempts": -1},
        {"state": "ready", "crashes": -1},
        {"state": "duplicate"},
    ],
)
def test_the_database_refuses_impossible_jobs(store: Store, impossible: dict[str, object]) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await connection.execute(insert(jobs_table).values(batch_id=1, **impossible))

    with pytest.raises(VIOLATIONS):
        store.run(main)


def test_a_result_that_is_neither_answer_nor_error_is_refused(store: Store) -> None:
    """Loudly: a result that was quietly left out would be a lost one."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await results.record(connection, [JobResult(1, None)], NOON)

    with pytest.raises(VIOLATIONS):
        store.run(main)
