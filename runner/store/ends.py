"""How jobs end: with an answer, with a failure, or as the job that they follow has ended.

Functions take a connection inside the caller's transaction. A job has one result, ever; a failure
gives way to a late answer, and every end keeps the batch's counters exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Integer, bindparam, delete, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as insert_unless
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobEvent, JobState, after
from runner.store import batches
from runner.store.batches import Batch
from runner.store.queue import Claimed
from runner.store.tables import asks, calls, jobs, results

# How a leader ended, and what happens to those who follow it.
_ENDS = {JobState.SUCCEEDED: JobEvent.ANSWERED, JobState.FAILED: JobEvent.GAVE_UP}
_MANY = 1_000  # values in one statement

_JOBS = bindparam("jobs", expanding=True, type_=Integer)
_FAILED = jobs.c.state == literal_column("'failed'")
_STATES = select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(_JOBS)).order_by(jobs.c.id)
_END = (
    update(jobs)
    .where(jobs.c.id.in_(_JOBS))
    .values(state=bindparam("to"), runner_id=None, due_at_ms=None)
)
_FORGET = delete(results).where(results.c.job_id.in_(_JOBS), results.c.answer.is_(None))
# The calls that brought these failures have brought nothing to an end, after all.
_ENDED_BY = (
    select(results.c.call_id, func.count().label("number"))
    .where(results.c.job_id.in_(_JOBS), results.c.answer.is_(None), results.c.reused == 0)
    .where(results.c.call_id.is_not(None))
    .group_by(results.c.call_id)
)
_UNEND = (
    update(calls)
    .where(calls.c.id == bindparam("call"))
    .values(rows=calls.c.rows - bindparam("number"))
)
_RECORD_ASK = insert_unless(asks).on_conflict_do_nothing(index_elements=["job_id", "number"])
_RECORD = insert_unless(results).on_conflict_do_nothing(index_elements=["job_id"])
_FOLLOWERS = (
    select(jobs.c.id, jobs.c.duplicate_of, jobs.c.state)
    .where(jobs.c.duplicate_of.in_(_JOBS))
    .where(jobs.c.state.in_((JobState.DUPLICATE, JobState.FAILED)))
)
_SOURCES = select(results).where(results.c.job_id.in_(_JOBS))


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended: with an answer, or with an error; `reply` is what the model said."""

    job_id: int
    call_id: int | None
    answer: str | None = None
    reply: str | None = None
    error: str | None = None


async def answered(connection: AsyncConnection, batch_id: int, job_ids: Sequence[int]) -> list[int]:
    """Mark jobs as succeeded, whoever has them now; those that were not before."""
    states = await _states(connection, job_ids)
    ended = [job for job, state in states.items() if state is not JobState.SUCCEEDED]
    if failed := [job for job in ended if states[job] is JobState.FAILED]:
        await _forget_failures(connection, failed)
    await _end(connection, batch_id, {job: states[job] for job in ended}, JobEvent.ANSWERED)
    return ended


async def _states(connection: AsyncConnection, job_ids: Sequence[int]) -> dict[int, JobState]:
    if not job_ids:
        return {}
    rows = await connection.execute(_STATES, {"jobs": list(job_ids)})
    return {row.id: JobState(row.state) for row in rows}


async def _end(
    connection: AsyncConnection, batch_id: int, states: Mapping[int, JobState], event: JobEvent
) -> None:
    """Bring jobs to the end that `event` is, from the `states` they are in."""
    for old in sorted(set(states.values())):
        ended = [job for job, state in states.items() if state is old]
        new = after(old, event)
        await connection.execute(_END, {"jobs": ended, "to": new})
        await batches.count(connection, batch_id, old, new, len(ended))


async def record(connection: AsyncConnection, found: Sequence[Result], now: int) -> None:
    """Record the one result of each job; a second one changes nothing."""
    if found:
        values = [asdict(one) | {"reused": 0, "recorded_at_ms": now} for one in found]
        await connection.execute(_RECORD, values)


async def record_asks(
    connection: AsyncConnection, call_id: int, told: Sequence[tuple[Claimed, str, str]]
) -> None:
    """Keep replies that were no answers: (job, what the model said, why it is none)."""
    values = [
        {
            "job_id": job.job_id,
            "number": job.tries.asks + 1,
            "call_id": call_id,
            "reply": reply,
            "why": why,
        }
        for job, reply, why in told
    ]
    if values:
        await connection.execute(_RECORD_ASK, values)


async def follow(
    connection: AsyncConnection, batch_id: int, leaders: Sequence[int], now: int
) -> None:
    """End the jobs that follow these, as these have ended."""
    if not leaders:
        return
    found = (await connection.execute(_FOLLOWERS, {"jobs": list(leaders)})).all()
    if not found:
        return
    ends = await _states(connection, sorted({row.duplicate_of for row in found}))
    for end, event in _ENDS.items():
        mine = [row for row in found if ends[row.duplicate_of] is end and row.state != end]
        states = {row.id: JobState(row.state) for row in mine}
        if failed := [job for job, state in states.items() if state is JobState.FAILED]:
            await _forget_failures(connection, failed)
        await _end(connection, batch_id, states, event)
        await copy_results(connection, {row.id: row.duplicate_of for row in mine}, now)
        if event is JobEvent.ANSWERED:
            await batches.count_reused(connection, batch_id, len(mine))


async def copy_results(connection: AsyncConnection, sources: Mapping[int, int], now: int) -> None:
    """Give each job the result of another: `sources` says whose."""
    if not sources:
        return
    rows = await connection.execute(_SOURCES, {"jobs": sorted(set(sources.values()))})
    known = {row.job_id: dict(row._mapping) for row in rows}  # noqa: SLF001 - public, in spite of it
    values = [
        known[source] | {"job_id": job, "reused": 1, "recorded_at_ms": now}
        for job, source in sources.items()
    ]
    await connection.execute(_RECORD, values)


async def _forget_failures(connection: AsyncConnection, job_ids: Sequence[int]) -> None:
    ended_by = (await connection.execute(_ENDED_BY, {"jobs": list(job_ids)})).all()
    if ended_by:
        taken = [{"call": row.call_id, "number": row.number} for row in ended_by]
        await connection.execute(_UNEND, taken)
    await connection.execute(_FORGET, {"jobs": list(job_ids)})


async def retry_failed(connection: AsyncConnection, batch: Batch) -> int:
    """Queue the failed jobs of `batch` again, as if never tried; how many there were."""
    own = jobs.c.id.between(batch.first_job, batch.last_job)
    failed = select(jobs.c.id, jobs.c.duplicate_of).where(_FAILED, own).order_by(jobs.c.id)
    again = (await connection.execute(failed)).all()
    for start in range(0, len(again), _MANY):
        some = again[start : start + _MANY]
        await _forget_failures(connection, [row.id for row in some])
        await connection.execute(delete(asks).where(asks.c.job_id.in_([row.id for row in some])))
    for leads, event in ((True, JobEvent.RETRIED), (False, JobEvent.DEDUPLICATED)):
        state = after(JobState.FAILED, event)
        of_kind = jobs.c.duplicate_of.is_(None) if leads else jobs.c.duplicate_of.is_not(None)
        moved = await connection.execute(
            update(jobs)
            .where(_FAILED, own, of_kind)
            .values(state=state, claims=0, faults=0, asks=0, splits=0)
            .returning(jobs.c.batch_id)
        )
        await batches.count_all(connection, moved.scalars(), JobState.FAILED, state)
    return len(again)
