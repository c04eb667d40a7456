"""The queue: what is claimed, in which order, by whom, and what becomes of it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from runner.store.ends import Result
from runner.store.queue import Claimed, Move
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import MAX_CLAIMS, Tries
from runner.core.states import BatchState, Counts, JobEvent, JobState
from runner.store import batches, dispatch, ends, queue
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.tables import jobs
from tests.store.kit import (
    DAY,
    HOUR,
    NOON,
    OURS,
    THEIRS,
    Store,
    asked_again,
    broken_promises,
    done,
    failed,
    faulted,
    new_batch,
    open_gates,
    raw,
    reread,
    start,
    start_one,
    submit,
    throttled,
)

Play = Callable[[AsyncConnection, Batch], Awaitable[None]]


@pytest.fixture
def on_batch(store: Store) -> Callable[..., None]:
    """Plays a scene in one transaction, on a batch of ten rows; the promises hold afterwards."""

    def run(play: Play) -> None:
        async def main(database: Database) -> None:
            async with database.write() as connection:
                await play(connection, await submit(connection))

        store.run(main)
        assert broken_promises(store.path) == []

    return run


async def claim(
    connection: AsyncConnection, batch: Batch, number: int, runner_id: int = OURS
) -> list[int]:
    """Claim up to `number` jobs, a call for each; their ids."""
    found = await queue.candidates(connection, batch, number)
    packs = await queue.claim(connection, batch, [(one,) for one in found], runner_id)
    return [job.job_id for pack in packs for job in pack]


async def job_state(connection: AsyncConnection) -> JobState:
    """Of the first job."""
    return JobState(
        (await connection.execute(select(jobs.c.state).where(jobs.c.id == 1))).scalar_one()
    )


def test_jobs_are_claimed_in_the_order_of_the_input_and_in_blocks(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 5)
            assert await claim(connection, batch, 2, OURS) == [1, 2]
            assert await claim(connection, batch, 2, THEIRS) == [3, 4]
            assert await claim(connection, batch, 2, OURS) == [5]
            assert await claim(connection, batch, 2, OURS) == []
            assert (await reread(connection, batch)).counts == Counts(running=5)

    store.run(main)


def test_a_claim_brings_the_row_and_counts_the_try(on_batch: Callable[..., None]) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        started = await start_one(connection, batch)
        assert started.jobs[0] == Claimed(1, batch.id, Tries(1, 0, 0), '{"n":1}')

    on_batch(play)


def test_a_claim_keeps_to_its_batch(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 3)
            second = await submit(connection, 3, digest="second")
            assert await claim(connection, second, 10) == [4, 5, 6]

    store.run(main)


def test_a_released_job_goes_first_again(on_batch: Callable[..., None]) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        await dispatch.finish(connection, asked_again(await start_one(connection, batch)), NOON)
        again = await start_one(connection, batch)
        assert again.jobs[0].job_id == 1
        assert again.jobs[0].tries == Tries(claims=2, asks=1)

    on_batch(play)


def test_a_refusal_counts_no_try(on_batch: Callable[..., None]) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        await dispatch.finish(connection, throttled(await start_one(connection, batch)), NOON)
        again = await start_one(connection, batch, now=NOON + HOUR)
        assert again.jobs[0].tries == Tries(claims=1)

    on_batch(play)


def test_a_waiting_job_is_ready_when_it_is_due_and_not_before(
    on_batch: Callable[..., None],
) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        due = NOON + 5000
        assert await queue.next_due(connection) is None
        await dispatch.finish(connection, faulted(await start_one(connection, batch), due), NOON)
        assert await queue.next_due(connection) == due
        assert await queue.promote(connection, due - 1) == 0
        assert await job_state(connection) is JobState.WAITING
        assert await queue.promote(connection, due) == 1
        assert await queue.next_due(connection) is None
        assert (await start_one(connection, batch)).jobs[0].tries == Tries(claims=2, faults=1)

    on_batch(play)


def test_the_due_jobs_of_several_batches_are_promoted_together(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            one = await submit(connection, 3)
            two = await submit(connection, 3, digest="second", model="other")
            for batch in (one, two):
                await open_gates(connection, batch)
                for started in await start(connection, batch, 2):
                    due = NOON + started.jobs[0].job_id
                    await dispatch.finish(connection, faulted(started, due), NOON)
            assert await queue.promote(connection, NOON + 5) == 3
            assert (await reread(connection, one)).counts == Counts(ready=2, succeeded=1)
            assert (await reread(connection, two)).counts == Counts(1, 1, succeeded=1)

    store.run(main)


def test_failed_jobs_start_afresh_when_they_are_retried(on_batch: Callable[..., None]) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        await open_gates(connection, batch)
        for started in await start(connection, batch, 3):
            await dispatch.finish(connection, failed(started), NOON)
        assert await results.retry_failed(connection, batch) == 3
        assert await results.retry_failed(connection, batch) == 0
        assert await batch_rows.failures(connection, batch, 10) == []
        again = await start(connection, batch, 3)
        assert [one.jobs[0].job_id for one in again] == [2, 3, 4]
        assert {one.jobs[0].tries for one in again} == {Tries(claims=1)}

    on_batch(play)


def test_retrying_one_batch_leaves_the_failures_of_another(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            for digest, model in (("first", "a"), ("second", "b")):
                batch = await submit(connection, 2, digest=digest, model=model)
                await dispatch.finish(connection, failed(await start_one(connection, batch)), NOON)
            assert await results.retry_failed(connection, batch) == 1

    store.run(main)
    assert store.rows("SELECT job_id FROM results") == [(1,)]
    assert broken_promises(store.path) == []


def test_a_runner_taken_for_dead_can_neither_fail_nor_release_what_is_claimed_again(
    on_batch: Callable[..., None],
) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        late = await start_one(connection, batch)
        await dispatch.rescue(connection, OURS, NOON)
        await start_one(connection, batch, THEIRS)
        for ended in (failed(late), throttled(late), asked_again(late), faulted(late, NOON)):
            await dispatch.finish(connection, ended, NOON)
            assert await job_state(connection) is JobState.RUNNING
        assert await queue.running_of(connection, THEIRS) == [
            Claimed(1, batch.id, Tries(claims=2), "")
        ]

    on_batch(play)


def test_a_runner_can_not_move_a_later_claim_of_its_own(on_batch: Callable[..., None]) -> None:
    """A retry of a settlement that was committed after all must not hit the next attempt."""

    async def play(connection: AsyncConnection, batch: Batch) -> None:
        first = await start_one(connection, batch)
        await dispatch.finish(connection, asked_again(first), NOON)
        await start_one(connection, batch)
        await dispatch.finish(connection, failed(first), NOON)
        assert await job_state(connection) is JobState.RUNNING

    on_batch(play)


def test_a_refused_claim_settled_twice_does_not_touch_the_next_one(
    on_batch: Callable[..., None],
) -> None:
    """A refusal takes its claim back, so the next claim has the same number."""

    async def play(connection: AsyncConnection, batch: Batch) -> None:
        first = await start_one(connection, batch)
        await dispatch.finish(connection, throttled(first), NOON)
        await start_one(connection, batch, now=NOON + HOUR)
        await dispatch.finish(connection, throttled(first), NOON + HOUR)
        assert await job_state(connection) is JobState.RUNNING

    on_batch(play)


@pytest.mark.parametrize("meanwhile", ["ready", "running", "waiting", "failed", "succeeded"])
def test_a_late_answer_is_taken_once_wherever_the_job_is_by_then(
    store: Store, meanwhile: str
) -> None:
    """It was paid for; only an answer that is there already is better."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            late = await start_one(connection, batch)
            await dispatch.rescue(connection, OURS, NOON)
            if meanwhile != "ready":
                again = await start_one(connection, batch, THEIRS)
                ends = {
                    "waiting": faulted(again, NOON + 1),
                    "failed": failed(again),
                    "succeeded": done(again, "first"),
                }
                if meanwhile in ends:
                    await dispatch.finish(connection, ends[meanwhile], NOON)
            assert await job_state(connection) == meanwhile
            for answer in ("late", "later"):
                await dispatch.finish(connection, done(late, answer), NOON)
            assert await job_state(connection) is JobState.SUCCEEDED

    store.run(main)
    first = "first" if meanwhile == "succeeded" else "late"
    assert store.rows("SELECT answer, error FROM results") == [(first, None)]
    assert broken_promises(store.path) == []


def test_the_runner_that_has_the_job_finds_a_late_answer_there(
    on_batch: Callable[..., None],
) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        late = await start_one(connection, batch)
        await dispatch.rescue(connection, OURS, NOON)
        again = await start_one(connection, batch, THEIRS)
        await dispatch.finish(connection, done(late, "late"), NOON)
        await dispatch.finish(connection, failed(again), NOON)
        [row] = await batch_rows.export_page(connection, batch, 0, 1)
        assert (row.state, row.answer, row.error) == ("succeeded", "late", None)

    on_batch(play)


def test_a_job_that_kills_every_runner_fails_in_the_end(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 1)
            for day in range(MAX_CLAIMS):
                await start_one(connection, batch, now=NOON + day * DAY)
                assert await dispatch.rescue(connection, OURS, NOON) == 1
            assert (await reread(connection, batch)).done
            [failure] = await batch_rows.failures(connection, batch, 10)
            assert f"died {MAX_CLAIMS} times" in failure.error

    store.run(main)
    assert broken_promises(store.path) == []
    assert store.one("SELECT count(*) FROM calls WHERE state = 'unseen'") == MAX_CLAIMS


def test_the_same_job_file_and_input_are_one_batch(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            assert await batches.find_batch(connection, "first") == batch
            assert await batches.find_batch(connection, "second") is None
            assert await batches.get_batch(connection, 77) is None
            assert await batches.list_batches(connection) == [batch]
            with pytest.raises(IntegrityError):
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
            with pytest.raises(IntegrityError):
                await enqueue.enqueue(connection, batch, 4, ["{}"])

    with pytest.raises(IntegrityError):
        store.run(_more_rows_than_said)
    store.run(main)


async def _more_rows_than_said(database: Database) -> None:
    async with database.write() as connection:
        batch = await batches.create_batch(connection, new_batch(1, "small"), NOON)
        await enqueue.enqueue(connection, batch, 0, ["{}", "{}"])


def test_batches_that_are_paused_cancelled_or_finished_are_not_runnable(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            for state in (BatchState.PAUSED, BatchState.CANCELLED, BatchState.ACTIVE):
                batch = await submit(connection, 1, digest=state)
                await batches.set_batch_state(connection, batch.id, state, "why")
            await submit(connection, 0, digest="no rows")
            assert [one.digest for one in await batches.runnable(connection)] == ["active"]
            await dispatch.finish(connection, done(await start_one(connection, batch)), NOON)
            assert await batches.runnable(connection) == []
            assert (await reread(connection, batch)).done

    store.run(main)


@pytest.mark.parametrize(
    "impossible",
    [
        {"state": "asleep"},
        {"state": "waiting"},
        {"state": "ready", "due_at_ms": 1},
        {"state": "running"},
        {"state": "ready", "runner_id": 1},
        {"state": "ready", "claims": -1},
    ],
)
def test_the_database_refuses_impossible_jobs(store: Store, impossible: dict[str, object]) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await connection.execute(insert(jobs).values(batch_id=1, **impossible))

    with pytest.raises(IntegrityError):
        store.run(main)


def test_a_result_that_is_neither_answer_nor_error_is_refused(store: Store) -> None:
    """Loudly: a result that was quietly left out would be a lost one."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await ends.record(connection, [Result(1, None)], NOON)

    with pytest.raises(IntegrityError):
        store.run(main)


def test_a_move_that_the_table_does_not_have_is_refused(on_batch: Callable[..., None]) -> None:
    async def play(connection: AsyncConnection, batch: Batch) -> None:
        started = await start_one(connection, batch)
        with pytest.raises(Exception, match="cannot happen"):
            await queue.move(connection, started.jobs, OURS, Move(JobEvent.DUE))

    on_batch(play)


def plans(path: Path, scene: Callable[[AsyncConnection, Batch], Awaitable[object]]) -> list[str]:
    """How SQLite goes about the statements of `scene` on the first batch of `path`."""
    said: list[tuple[str, tuple[object, ...]]] = []

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await batches.get_batch(connection, 1)
            assert batch is not None
            engine = connection.engine.sync_engine
            event.listen(engine, "before_cursor_execute", _note(said))
            await scene(connection, batch)

    Store(path, inline=True).run(main)
    with raw(path) as connection:
        return [
            f"{row[3]}"
            for statement, values in said
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


def _note(said: list[tuple[str, tuple[object, ...]]]) -> Callable[..., None]:
    def note(_c: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        if isinstance(values, tuple) and not statement.startswith(("BEGIN", "INSERT")):
            said.append((statement, values))

    return note


SCENES: dict[str, Callable[[AsyncConnection, Batch], Awaitable[object]]] = {
    "jobs_ready": lambda connection, batch: claim(connection, batch, 16),
    "jobs_waiting (due_at_ms": lambda connection, _batch: queue.promote(connection, NOON),
    "INDEX jobs_waiting": lambda connection, _b: queue.next_due(connection),
    "jobs_running (runner_id=": lambda connection, _batch: queue.running_of(connection, OURS),
    "jobs_failed": results.retry_failed,
    "calls_reserved (runner_id=": lambda connection, _b: dispatch.rescue(connection, OURS, NOON),
}


@pytest.fixture(scope="session")
def sizes(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A queue of ten thousand rows, and one of two hundred thousand."""
    return [
        _filled(blank, tmp_path_factory.mktemp(f"rows{number}") / "queue.db", number)
        for number in (10_000, 200_000)
    ]


def _filled(blank: Path, path: Path, number: int) -> Path:
    path.write_bytes(blank.read_bytes())
    with raw(path) as connection:
        script = f"""
            PRAGMA synchronous = OFF;
            BEGIN;
            INSERT INTO batches (name, digest, state, models_json, job_json, input, columns_json,
                                 first_job, first_payload, rows, loaded, ready, succeeded,
                                 created_at_ms)
              VALUES ('big', 'd', 'active', '["m"]', '', '', '', 1, 1, {number}, {number},
                      {number // 2}, {number // 2}, 0);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
              INSERT INTO jobs (id, batch_id, state)
              SELECT i, 1, CASE i % 2 WHEN 0 THEN 'ready' ELSE 'succeeded' END FROM n;
            INSERT INTO payloads SELECT id, '' FROM jobs WHERE id < 100;
            COMMIT;
        """  # noqa: S608 - a number
        connection.executescript(script)
    return path


@pytest.mark.parametrize("index", SCENES)
def test_every_step_goes_through_its_partial_index_at_any_size(
    sizes: list[Path], index: str
) -> None:
    """The same plan at both sizes, and no scan of a table in it, is what keeps the cost flat."""
    small, large = (plans(path, SCENES[index]) for path in sizes)
    assert small == large
    assert any(index in step for step in small), small
    scans = [step for step in small if step.startswith("SCAN") and "INDEX" not in step]
    assert scans == []
