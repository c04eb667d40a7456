"""How jobs end: with an answer, with a failure, or as the job that they duplicate has ended.

Functions take a connection inside the caller's transaction. A job has one result, ever; a failure
gives way to a late answer, and every end is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobEvent, JobState, after
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement, Upsert
from runner.store.tables import calls, invalid_replies, jobs, results

_RECORD = Statement(Upsert(results, ("job_id",)))
_OF_JOBS = OneOf(results.c.job_id, "jobs")
_FORGET = Statement(delete(results).where(_OF_JOBS, results.c.answer.is_(None)))
# The calls that brought these failures have brought nothing to an end, after all.
_ENDED_BY = Statement(
    select(results.c.call_id, func.count().label("number"))
    .where(_OF_JOBS, results.c.answer.is_(None), results.c.reused == literal_column("0"))
    .where(results.c.call_id.is_not(None))
    .group_by(results.c.call_id)
)
_COUNT_FINISHED = Statement(
    update(calls)
    .where(calls.c.id == bindparam("call"))
    .values(rows_finished=calls.c.rows_finished + bindparam("number"))
)

_leader = jobs.alias("leader")
_OPEN_OR_FAILED = jobs.c.state.in_([literal_column("'duplicate'"), literal_column("'failed'")])
_ENDED: list[ColumnElement[Any]] = [literal_column("'succeeded'"), literal_column("'failed'")]
_OF_LEADERS = OneOf(jobs.c.duplicate_of, "leaders")
_BEHIND = (
    _OF_LEADERS,
    _OPEN_OR_FAILED,
    _leader.c.state.in_(_ENDED),
    _leader.c.state != jobs.c.state,
)
_DUPLICATES_BEHIND = Statement(
    select(
        jobs.c.batch_id,
        jobs.c.state,
        _leader.c.state.label("ended"),
        func.count().label("number"),
    )
    .join(_leader, _leader.c.id == jobs.c.duplicate_of)
    .where(*_BEHIND)
    .group_by(jobs.c.batch_id, jobs.c.state, _leader.c.state)
)
_FORGET_FAILED_DUPLICATES = Statement(
    delete(results).where(
        results.c.answer.is_(None),
        results.c.job_id.in_(
            select(jobs.c.id).join(_leader, _leader.c.id == jobs.c.duplicate_of).where(*_BEHIND)
        ),
    )
)
_END_DUPLICATES = Statement(
    update(jobs)
    .where(
        _OF_LEADERS,
        _OPEN_OR_FAILED,
        exists(
            select(_leader.c.id).where(
                _leader.c.id == jobs.c.duplicate_of, _leader.c.state.in_(_ENDED)
            )
        ),
    )
    .values(
        state=select(_leader.c.state).where(_leader.c.id == jobs.c.duplicate_of).scalar_subquery()
    )
)
_of_leader = results.alias("of_leader")
_COPY_TO_DUPLICATES = Statement(
    insert(results).from_select(
        ["job_id", "call_id", "reused", "answer", "reply", "error", "recorded_at_ms"],
        select(
            jobs.c.id,
            _of_leader.c.call_id,
            literal_column("1"),
            _of_leader.c.answer,
            _of_leader.c.reply,
            _of_leader.c.error,
            bindparam("now", type_=Integer),
        )
        .join(_of_leader, _of_leader.c.job_id == jobs.c.duplicate_of)
        .where(
            _OF_LEADERS,
            jobs.c.state.in_(_ENDED),
            ~exists(select(results.c.job_id).where(results.c.job_id == jobs.c.id)),
        ),
    )
)

_OWN_FAILED = (
    jobs.c.state == literal_column("'failed'"),
    jobs.c.id.between(bindparam("first"), bindparam("last")),
)
_OF_FAILED = select(jobs.c.id).where(*_OWN_FAILED)
_FAILED_BY = Statement(
    select(results.c.call_id, func.count().label("number"))
    .where(results.c.job_id.in_(_OF_FAILED), results.c.reused == literal_column("0"))
    .where(results.c.call_id.is_not(None))
    .group_by(results.c.call_id)
)
_FORGET_ALL_FAILURES = Statement(delete(results).where(results.c.job_id.in_(_OF_FAILED)))
_FORGET_INVALID_REPLIES = Statement(
    delete(invalid_replies).where(invalid_replies.c.job_id.in_(_OF_FAILED))
)
_IS_DUPLICATE = jobs.c.duplicate_of.is_not(None)
_FAILED = Statement(
    select(_IS_DUPLICATE.label("is_duplicate"), func.count().label("number"))
    .where(*_OWN_FAILED)
    .group_by(_IS_DUPLICATE)
)
_RETRY = Statement(
    update(jobs)
    .where(*_OWN_FAILED)
    .values(
        {"state": case((_IS_DUPLICATE, "duplicate"), else_="ready")}
        | dict.fromkeys(("attempts", "crashes", "faults", "invalid_replies", "splits"), 0)
    )
)


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended: with an answer, or with an error; `reply` is what the model said."""

    job_id: int
    call_id: int | None
    answer: str | None = None
    reply: str | None = None
    error: str | None = None
    reused: bool = False


async def record(connection: AsyncConnection, found: Sequence[Result], now: int) -> None:
    """Record the one result of each job; a second one changes nothing."""
    rows: list[dict[str, Any]] = [
        {
            "job_id": one.job_id,
            "call_id": one.call_id,
            "reused": int(one.reused),
            "answer": one.answer,
            "reply": one.reply,
            "error": one.error,
            "recorded_at_ms": now,
        }
        for one in found
    ]
    await _RECORD.run(connection, rows)


async def count_finished(connection: AsyncConnection, finished: Mapping[int, int]) -> None:
    """Count, by call, rows that it has brought to an end, or that it has not after all."""
    rows = [{"call": call, "number": number} for call, number in finished.items()]
    await _COUNT_FINISHED.run(connection, rows)


async def forget_failures(connection: AsyncConnection, job_ids: Sequence[int]) -> None:
    """Take back the failures of these jobs: they are answered after all, or tried again."""
    ended_by = await _ENDED_BY.fetch(connection, jobs=listed(job_ids))
    await count_finished(connection, {row.call_id: -row.number for row in ended_by})
    await _FORGET.run(connection, [{"jobs": listed(job_ids)}])


async def end_duplicates(
    connection: AsyncConnection, leaders: Sequence[int], now: int, changes: Changes
) -> None:
    """End the jobs that duplicate these, as these have ended; however many there are."""
    if not leaders:
        return
    of_leaders = {"leaders": listed(leaders)}
    behind = await _DUPLICATES_BEHIND.fetch(connection, **of_leaders)
    for row in behind:
        old, new = JobState(row.state), JobState(row.ended)
        changes.move(row.batch_id, old, new, row.number)
        if new is JobState.SUCCEEDED:
            changes.add(row.batch_id, "reused", row.number)
    if behind:
        await _FORGET_FAILED_DUPLICATES.run(connection, [of_leaders])
        await _END_DUPLICATES.run(connection, [of_leaders])
        await _COPY_TO_DUPLICATES.run(connection, [of_leaders | {"now": now}])


async def retry_failed(connection: AsyncConnection, batch: Batch) -> int:
    """Queue the failed jobs of `batch` again, as if never tried; how many there were."""
    own = {"first": batch.first_job, "last": batch.last_job}
    ended_by = await _FAILED_BY.fetch(connection, **own)
    await count_finished(connection, {row.call_id: -row.number for row in ended_by})
    await _FORGET_ALL_FAILURES.run(connection, [own])
    await _FORGET_INVALID_REPLIES.run(connection, [own])
    changes = Changes()
    for row in await _FAILED.fetch(connection, **own):
        event = JobEvent.DEDUPLICATED if row.is_duplicate else JobEvent.RETRIED
        changes.move(batch.id, JobState.FAILED, after(JobState.FAILED, event), row.number)
    await _RETRY.run(connection, [own])
    await changes.write(connection)
    return -changes.by_batch[batch.id][JobState.FAILED]
