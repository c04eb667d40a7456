"""Results of jobs: answers, failures, and copies for duplicates.

Functions take a connection inside the caller's transaction. A job has at most one result; a late
answer replaces a failure, and every end is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobState
from runner.store import call_totals
from runner.store.counts import Changes
from runner.store.damage import as_enum
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement, Upsert
from runner.store.tables import calls, jobs, results

_RECORD = Statement(Upsert(results, ("job_id",)))
_OF_JOBS = OneOf(results.c.job_id, "jobs")
_FORGET = Statement(delete(results).where(_OF_JOBS, results.c.answer.is_(None)))
# By call, the number of these failures that it brought, to be subtracted from its finished rows.
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

# Duplicates whose state differs from that of their ended original: the open ones, and those that
# failed with it before it was answered late.
_duplicate, _original = jobs.alias("duplicate"), jobs.alias("original")
_BEHIND = (
    OneOf(_duplicate.c.duplicate_of, "originals"),
    _duplicate.c.state.in_([literal_column("'duplicate'"), literal_column("'failed'")]),
    _original.c.state.in_([literal_column("'succeeded'"), literal_column("'failed'")]),
    _original.c.state != _duplicate.c.state,
)
_JOIN = _duplicate.join(_original, _original.c.id == _duplicate.c.duplicate_of)
_IDS_BEHIND = select(_duplicate.c.id).select_from(_JOIN).where(*_BEHIND)
_COUNT_BEHIND = Statement(
    select(
        _duplicate.c.batch_id,
        _duplicate.c.state,
        _original.c.state.label("ended"),
        func.count().label("number"),
    )
    .select_from(_JOIN)
    .where(*_BEHIND)
    .group_by(_duplicate.c.batch_id, _duplicate.c.state, _original.c.state)
)
_FORGET_FAILED_DUPLICATES = Statement(delete(results).where(results.c.job_id.in_(_IDS_BEHIND)))
_result = results.alias("result")
_COPY_TO_DUPLICATES = Statement(
    insert(results).from_select(
        ["job_id", "call_id", "reused", "answer", "reply", "error", "recorded_at_ms"],
        select(
            _duplicate.c.id,
            _result.c.call_id,
            literal_column("1"),
            _result.c.answer,
            _result.c.reply,
            _result.c.error,
            bindparam("now", type_=BigInteger),
        )
        .select_from(_JOIN.join(_result, _result.c.job_id == _original.c.id))
        .where(*_BEHIND),
    )
)
_END_DUPLICATES = Statement(
    update(jobs)
    .where(jobs.c.id.in_(_IDS_BEHIND))
    .values(
        state=select(_original.c.state)
        .where(_original.c.id == jobs.c.duplicate_of)
        .scalar_subquery()
    )
)


@dataclass(frozen=True, slots=True)
class JobResult:
    """The end of a job: an answer or an error; `reply` is the model's text, if kept."""

    job_id: int
    call_id: int | None
    answer: str | None = None
    reply: str | None = None
    error: str | None = None
    reused: bool = False


async def record(connection: AsyncConnection, ended: Sequence[JobResult], now: int) -> None:
    """Stores the result of each job; a second result of a job changes nothing."""
    rows: list[dict[str, Any]] = [
        {
            "job_id": result.job_id,
            "call_id": result.call_id,
            "reused": int(result.reused),
            "answer": result.answer,
            "reply": result.reply,
            "error": result.error,
            "recorded_at_ms": now,
        }
        for result in ended
    ]
    await _RECORD.run(connection, rows)


async def count_finished(connection: AsyncConnection, finished: Mapping[int, int]) -> None:
    """Adds to the numbers of rows that calls have ended; `finished` is by call."""
    rows = [{"call": call, "number": number} for call, number in finished.items()]
    await _COUNT_FINISHED.run(connection, rows)
    await call_totals.forget(connection, finished)


async def forget_failures(connection: AsyncConnection, job_ids: Sequence[int]) -> None:
    """Deletes the failures of these jobs, which are answered late or tried again."""
    await uncount_failures(connection, job_ids)
    await _FORGET.run(connection, [{"jobs": listed(job_ids)}])


async def uncount_failures(connection: AsyncConnection, job_ids: Sequence[int]) -> None:
    """Subtracts the failures of these jobs from the rows that their calls have ended."""
    ended_by = await _ENDED_BY.fetch(connection, jobs=listed(job_ids))
    await count_finished(connection, {row.call_id: -row.number for row in ended_by})


async def end_duplicates(
    connection: AsyncConnection, originals: Sequence[int], now: int, changes: Changes
) -> None:
    """Ends the duplicates of these jobs as their originals ended, in a fixed number of queries."""
    if not originals:
        return
    which = {"originals": listed(originals)}
    outdated = await _COUNT_BEHIND.fetch(connection, **which)
    for row in outdated:
        old, new = as_enum(JobState, row.state), as_enum(JobState, row.ended)
        changes.move(row.batch_id, old, new, row.number)
        if new is JobState.SUCCEEDED:
            changes.add(row.batch_id, "reused", row.number)
    if outdated:
        await _FORGET_FAILED_DUPLICATES.run(connection, [which])
        await _COPY_TO_DUPLICATES.run(connection, [which | {"now": now}])
        await _END_DUPLICATES.run(connection, [which])
