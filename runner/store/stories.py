"""Queries on the history of one job: its calls, replies and result.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import CallState
from runner.store import job_spans
from runner.store.damage import as_enum
from runner.store.tables import calls, fingerprints, invalid_replies, jobs, results


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call of the ledger that one job was part of.

    Attributes:
        reply: The model's reply to this job; None if it was not stored.
        reason: Why the reply is invalid, or the job's error; None if it was answered.
    """

    id: int
    account: str
    model: str
    state: CallState
    status: int | None
    error: str
    rows_asked: int
    prompt_tokens: int | None
    completion_tokens: int | None
    reserved_at: int
    settled_at: int | None
    reply: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class JobStory:
    """A job, its calls from the first to the last, and its result; None where there is none.

    Attributes:
        asked_in: The batch, or part of one, whose call gave the answer; None for its own batch.
        asks_the_same: Whether the request of that call equals this job's.
    """

    job_id: int
    state: str
    attempts: int
    faults: int
    due_at: int | None
    duplicate_of: int | None
    calls: tuple[CallRecord, ...]
    answer: str | None = None
    reply: str | None = None
    error: str | None = None
    reused: bool = False
    recorded_at: int | None = None
    asked_in: int | None = None
    asks_the_same: bool = True


async def story_of(connection: AsyncConnection, batch_id: int, job_id: int) -> JobStory | None:
    """Returns the history of a job; None if there is no such job."""
    job = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).first()
    if job is None:
        return None
    ended = (await connection.execute(select(results).where(results.c.job_id == job_id))).first()
    invalid = await connection.execute(
        select(invalid_replies).where(invalid_replies.c.job_id == job_id)
    )
    replies = {row.call_id: (row.reply, row.reason) for row in invalid}
    call_ids = {*replies, *([ended.call_id] if ended and ended.call_id else [])}
    if ended is not None and ended.call_id is not None:
        reply = ended.reply if ended.reply is not None else ended.answer
        replies[ended.call_id] = (reply, ended.error)
    records = await _calls(connection, batch_id, job_id, sorted(call_ids), replies)
    ending: dict[str, Any] = (
        {}
        if ended is None
        else {
            "answer": ended.answer,
            "reply": ended.reply,
            "error": ended.error,
            "reused": bool(ended.reused),
            "recorded_at": ended.recorded_at_ms,
        }
    )
    if ended is not None and ended.reused:
        ending |= await _origin(connection, batch_id, job_id, ended.call_id)
    return JobStory(
        job_id,
        job.state,
        job.attempts,
        job.faults,
        job.due_at_ms,
        job.duplicate_of,
        records,
        **ending,
    )


async def _origin(
    connection: AsyncConnection, batch_id: int, job_id: int, call_id: int | None
) -> dict[str, Any]:
    """Returns the fields of a story about a reused answer of another batch's call, if it is one."""
    query = select(calls.c.batch_id, calls.c.jobs_asked).where(calls.c.id == call_id)
    call = (await connection.execute(query)).first()
    if call is None or call.batch_id in (None, batch_id):
        return {}
    own = select(fingerprints.c.fingerprint).where(fingerprints.c.job_id == job_id)
    same = await connection.scalars(
        select(fingerprints.c.job_id).where(fingerprints.c.fingerprint == own.scalar_subquery())
    )
    asks_the_same = any(job_spans.include(call.jobs_asked, job) for job in same)
    return {"asked_in": call.batch_id, "asks_the_same": asks_the_same}


async def _calls(
    connection: AsyncConnection,
    batch_id: int,
    job_id: int,
    others: Sequence[int],
    replies: dict[int, tuple[str | None, str | None]],
) -> tuple[CallRecord, ...]:
    """Returns the calls of a batch that this job was part of, and those with the ids `others`."""
    asked, own = calls.c.jobs_asked, calls.c.batch_id == batch_id
    # As literals: SQLite uses a partial index only if the query repeats its condition.
    alone = calls.c.rows_asked == literal_column("1")
    packed = calls.c.rows_asked > literal_column("1")
    query = select(calls.c.id).where(own, alone, asked == str(job_id))
    ids = {*others, *(await connection.scalars(query))}
    packs = await connection.execute(select(calls.c.id, asked).where(own, packed))
    ids |= {row.id for row in packs if job_spans.include(row.jobs_asked, job_id)}
    rows = await connection.execute(
        select(calls).where(calls.c.id.in_(sorted(ids))).order_by(calls.c.id)
    )
    return tuple(
        CallRecord(
            row.id,
            row.account,
            row.model,
            as_enum(CallState, row.state),
            row.status,
            row.error,
            row.rows_asked,
            row.prompt_tokens,
            row.completion_tokens,
            row.reserved_at_ms,
            row.settled_at_ms,
            *replies.get(row.id, (None, None)),
        )
        for row in rows
    )
