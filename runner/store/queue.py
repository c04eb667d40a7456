"""The queue: jobs are enqueued, claimed, moved on, rescued.

Functions take a connection inside the caller's transaction, and return frozen values. A job
moves only by the transitions of core/model.py, and every move keeps the batch's counters exact:
no cost grows with the number of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_unless
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.model import TRANSITIONS, JobEvent, JobState, after
from runner.core.retry import Tries
from runner.store.batches import Batch, batch_of
from runner.store.tables import batches, calls, jobs, payloads, results

# The states as literals: a partial index serves only a query that names its condition.
_READY = jobs.c.state == literal_column("'ready'")
_WAITING = jobs.c.state == literal_column("'waiting'")
_RUNNING = jobs.c.state == literal_column("'running'")
_FAILED = jobs.c.state == literal_column("'failed'")


# Statements of every call are built once: building them costs more than running them.
_CLAIM = (
    update(jobs)
    .where(
        jobs.c.id.in_(
            select(jobs.c.id)
            .where(_READY, jobs.c.id.between(bindparam("first"), bindparam("last")))
            .order_by(jobs.c.id)
            .limit(bindparam("number"))
        )
    )
    .values(
        state=after(JobState.READY, JobEvent.CLAIMED),
        claims=jobs.c.claims + 1,
        runner_id=bindparam("runner"),
    )
    .returning(jobs.c.id, jobs.c.claims, jobs.c.faults, jobs.c.asks)
)
_PAYLOADS = select(payloads).where(payloads.c.job_id.in_(bindparam("jobs", expanding=True)))
_NEXT_DUE = select(func.min(jobs.c.due_at_ms)).where(_WAITING)
_STATE = select(jobs.c.state).where(jobs.c.id == bindparam("job"))
_MOVE = (
    update(jobs)
    .where(
        jobs.c.id == bindparam("job"),
        _RUNNING,
        jobs.c.runner_id == bindparam("runner"),
        jobs.c.claims == bindparam("claim"),
    )
    .values(
        state=bindparam("to"),
        runner_id=None,
        due_at_ms=bindparam("due"),
        claims=bindparam("tried"),
        faults=bindparam("faulted"),
        asks=bindparam("asked"),
    )
    .returning(jobs.c.id)
)
_ANSWERED = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(state=JobState.SUCCEEDED, runner_id=None, due_at_ms=None)
)
_FORGET_FAILURE = delete(results).where(
    results.c.job_id == bindparam("job"), results.c.answer.is_(None)
)
# The call that brought the failure has brought nothing to an end, after all.
_UNEND = (
    update(calls)
    .where(
        calls.c.id.in_(
            select(results.c.call_id).where(
                results.c.job_id == bindparam("job"), results.c.answer.is_(None)
            )
        )
    )
    .values(rows=0)
)
_RECORD = insert_unless(results).on_conflict_do_nothing(index_elements=["job_id"])
_CALLED = (
    update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(calls=batches.c.calls + bindparam("number"))
)
_COUNT = {
    (old, new): update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(
        {
            batches.c[old.value]: batches.c[old.value] - bindparam("number"),
            batches.c[new.value]: batches.c[new.value] + bindparam("number"),
        }
    )
    for (old, _event), new in TRANSITIONS.items()
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this runner has, with the row it is about."""

    job_id: int
    batch_id: int
    tries: Tries
    payload: str


async def enqueue(
    connection: AsyncConnection, batch: Batch, start: int, rows: Sequence[str]
) -> Batch:
    """Queue `rows` (JSON objects) as the jobs of `batch` from row number `start` on (0-based).

    Returns the batch as it is then.
    """
    if not rows:
        return batch
    first = batch.first_job + start
    await connection.exec_driver_sql(
        "INSERT INTO payloads (job_id, body) VALUES (?, ?)", list(enumerate(rows, first))
    )
    await connection.execute(
        insert(jobs).from_select(
            ["id", "batch_id", "state"],
            select(
                payloads.c.job_id, literal_column(str(batch.id)), literal_column("'ready'")
            ).where(payloads.c.job_id.between(first, first + len(rows) - 1)),
        )
    )
    loaded = await connection.execute(
        update(batches)
        .where(batches.c.id == batch.id)
        .values(loaded=batches.c.loaded + len(rows), ready=batches.c.ready + len(rows))
        .returning(batches)
    )
    return batch_of(loaded.one())


async def claim(
    connection: AsyncConnection, batch: Batch, limit: int, runner_id: int
) -> list[Claimed]:
    """Up to `limit` ready jobs of `batch`, in the order of the input, now this runner's.

    A call is about to be made for each of them.
    """
    last = batch.first_job + batch.rows - 1
    wanted = {"first": batch.first_job, "last": last, "number": limit, "runner": runner_id}
    moved = await connection.execute(_CLAIM, wanted)
    claimed = sorted(moved.all())
    if claimed:
        await _count(connection, batch.id, JobState.READY, JobState.RUNNING, len(claimed))
        await connection.execute(_CALLED, {"batch": batch.id, "number": len(claimed)})
    bodies = await _payloads(connection, [row.id for row in claimed])
    return [
        Claimed(row.id, batch.id, Tries(row.claims, row.faults, row.asks), bodies[row.id])
        for row in claimed
    ]


async def _payloads(connection: AsyncConnection, job_ids: Sequence[int]) -> dict[int, str]:
    rows = await connection.execute(_PAYLOADS, {"jobs": job_ids})
    return {row.job_id: row.body for row in rows}


async def promote(connection: AsyncConnection, now: int) -> int:
    """Make waiting jobs ready whose due time has come; how many there were."""
    due = (_WAITING, jobs.c.due_at_ms <= now)
    state = after(JobState.WAITING, JobEvent.DUE)
    moved = await connection.execute(
        update(jobs).where(*due).values(state=state, due_at_ms=None).returning(jobs.c.batch_id)
    )
    return await _count_all(connection, moved.scalars(), JobState.WAITING, state)


async def next_due(connection: AsyncConnection) -> int | None:
    """When the first waiting job is due (ms since the epoch)."""
    found: int | None = await connection.scalar(_NEXT_DUE)
    return found


async def job_state(connection: AsyncConnection, job_id: int) -> JobState:
    """The present state of a job."""
    return JobState((await connection.execute(_STATE, {"job": job_id})).scalar_one())


async def move(
    connection: AsyncConnection,
    claimed: Claimed,
    runner_id: int,
    event: JobEvent,
    *,
    due: int | None = None,
    tries: Tries | None = None,
) -> bool:
    """Move a job this runner has claimed; False if it is no longer this runner's.

    The claim number fences out a runner that was taken for dead: its late word changes nothing.
    """
    state = after(JobState.RUNNING, event)
    counts = tries or claimed.tries
    values = {
        "job": claimed.job_id,
        "runner": runner_id,
        "claim": claimed.tries.claims,
        "to": state,
        "due": due,
        "tried": counts.claims,
        "faulted": counts.faults,
        "asked": counts.asks,
    }
    moved = await connection.execute(_MOVE, values)
    found = moved.first() is not None
    if found:
        await _count(connection, claimed.batch_id, JobState.RUNNING, state, 1)
    return found


async def answered(connection: AsyncConnection, job_id: int, batch_id: int) -> bool:
    """Mark a job as succeeded, whoever has it now; False if it was before."""
    old = await job_state(connection, job_id)
    if old is JobState.SUCCEEDED:
        return False
    state = after(old, JobEvent.ANSWERED)
    await connection.execute(_ANSWERED, {"job": job_id})
    await _count(connection, batch_id, old, state, 1)
    return True


async def record_result(
    connection: AsyncConnection,
    job_id: int,
    call_id: int | None,
    now: int,
    *,
    answer: str | None = None,
    reply: str | None = None,
    error: str | None = None,
) -> None:
    """Record the one result of a job; a failure gives way to a late answer."""
    if answer is not None:
        await connection.execute(_UNEND, {"job": job_id})
        await connection.execute(_FORGET_FAILURE, {"job": job_id})
    values = {
        "job_id": job_id,
        "call_id": call_id,
        "answer": answer,
        "reply": reply,
        "error": error,
        "recorded_at_ms": now,
    }
    await connection.execute(_RECORD, values)


async def retry_failed(connection: AsyncConnection, batch: Batch) -> int:
    """Queue the failed jobs of `batch` again, as if never tried; how many there were."""
    own = jobs.c.id.between(batch.first_job, batch.first_job + batch.rows - 1)
    failed = select(jobs.c.id).where(_FAILED, own)
    ended_by = select(results.c.call_id).where(results.c.job_id.in_(failed))
    await connection.execute(update(calls).where(calls.c.id.in_(ended_by)).values(rows=0))
    await connection.execute(
        delete(results).where(results.c.job_id.in_(select(jobs.c.id).where(_FAILED, own)))
    )
    state = after(JobState.FAILED, JobEvent.RETRIED)
    moved = await connection.execute(
        update(jobs)
        .where(_FAILED, own)
        .values(state=state, claims=0, faults=0, asks=0)
        .returning(jobs.c.batch_id)
    )
    return await _count_all(connection, moved.scalars(), JobState.FAILED, state)


async def running_of(connection: AsyncConnection, runner_id: int) -> list[tuple[int, int, Tries]]:
    """The jobs a runner has: (job, batch, tries)."""
    rows = await connection.execute(
        select(jobs).where(_RUNNING, jobs.c.runner_id == runner_id).order_by(jobs.c.id)
    )
    return [(row.id, row.batch_id, Tries(row.claims, row.faults, row.asks)) for row in rows]


async def _count(
    connection: AsyncConnection, batch_id: int, old: JobState, new: JobState, number: int
) -> None:
    if number:
        await connection.execute(_COUNT[old, new], {"batch": batch_id, "number": number})


async def _count_all(
    connection: AsyncConnection, batch_ids: Iterable[int], old: JobState, new: JobState
) -> int:
    numbers: dict[int, int] = {}
    for batch_id in batch_ids:
        numbers[batch_id] = numbers.get(batch_id, 0) + 1
    for batch_id, number in sorted(numbers.items()):
        await _count(connection, batch_id, old, new, number)
    return sum(numbers.values())
