"""Queries on jobs that can be claimed, in the order of the input, and on retries that are due.

Functions take a connection inside the caller's transaction. Their cost does not depend on the
number of jobs in the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Candidate
from runner.core.states import JobEvent, JobState, after
from runner.core.tries import Tries
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.expressions import ByteLength, OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import invalid_replies, jobs, rows

# The states as literals: SQLite uses a partial index only if the query repeats its condition.
READY = jobs.c.state == literal_column("'ready'")
WAITING = jobs.c.state == literal_column("'waiting'")
RUNNING = jobs.c.state == literal_column("'running'")

_OF_BATCH = jobs.c.id.between(bindparam("first"), bindparam("last"))
_ROW_OF_JOB = bindparam("first_row", type_=Integer) + (
    jobs.c.id - bindparam("first_job", type_=Integer)
) * bindparam("row_step", type_=Integer)


def _ready(*, split: bool) -> Select[Any]:
    """Returns a query of ready jobs: those of split packs, the least split first, or the others."""
    # Both conditions fit the index of ready jobs, so jobs of other batches cost nothing.
    which = jobs.c.splits > literal_column("0") if split else jobs.c.splits == literal_column("0")
    return (
        select(
            jobs.c.id,
            jobs.c.attempts,
            jobs.c.crashes,
            jobs.c.faults,
            jobs.c.invalid_replies,
            jobs.c.splits,
            ByteLength(rows.c.body).label("size"),
        )
        .join(rows, rows.c.id == _ROW_OF_JOB)
        .where(READY, which, _OF_BATCH)
        .order_by(jobs.c.splits, jobs.c.id)
        .limit(bindparam("number"))
    )


_READY_WHOLE, _READY_SPLIT = Statement(_ready(split=False)), Statement(_ready(split=True))
_BODIES = Statement(select(rows.c.id, rows.c.body).where(OneOf(rows.c.id, "rows")))
_REPLIES = Statement(
    select(invalid_replies.c.job_id, invalid_replies.c.reply, invalid_replies.c.reason)
    .where(OneOf(invalid_replies.c.job_id, "jobs"))
    .order_by(invalid_replies.c.job_id, invalid_replies.c.number)
)
_NEXT_DUE = Statement(select(func.min(jobs.c.due_at_ms)).where(WAITING))
_DUE = Statement(
    select(jobs.c.batch_id, func.count().label("number"))
    .where(WAITING, jobs.c.due_at_ms <= bindparam("now"))
    .group_by(jobs.c.batch_id)
)
_PROMOTE = Statement(
    update(jobs)
    .where(WAITING, jobs.c.due_at_ms <= bindparam("now"))
    .values(state=literal_column("'ready'"), due_at_ms=literal_column("NULL"))
)


@dataclass(frozen=True, slots=True)
class ReadyJob:
    """A job that can be claimed; `size` is that of its row in bytes."""

    job_id: int
    tries: Tries
    size: int = 0

    @property
    def candidate(self) -> Candidate:
        """The job as a candidate for packing."""
        return Candidate(self.job_id, self.tries.splits, self.size)


async def read_ready(connection: AsyncConnection, batch: Batch, number: int) -> list[ReadyJob]:
    """Returns up to `number` ready jobs of `batch`: those of split packs after all others.

    Both groups are in the order of the input. Rows whose pack was split are grouped at the end, so
    that the calls of both groups stay full.
    """
    wanted = {
        "first": batch.first_job,
        "last": batch.last_job,
        "first_row": batch.first_row,
        "first_job": batch.first_job,
        "row_step": batch.row_step,
    }
    ready = [*await _READY_WHOLE.fetch(connection, **wanted, number=number)]
    if len(ready) < number:
        ready += await _READY_SPLIT.fetch(connection, **wanted, number=number - len(ready))
    return [ReadyJob(job_id, Tries(*tries), size) for job_id, *tries, size in ready]


async def read_bodies(connection: AsyncConnection, row_ids: Sequence[int]) -> dict[int, str]:
    """Returns the rows with these ids, as JSON texts."""
    return {row.id: row.body for row in await _BODIES.fetch(connection, rows=listed(row_ids))}


async def read_invalid_replies(
    connection: AsyncConnection, job_ids: Sequence[int]
) -> dict[int, tuple[tuple[str, str], ...]]:
    """Returns the invalid replies to these jobs, each with the reason, the oldest first."""
    replies: dict[int, tuple[tuple[str, str], ...]] = {}
    if job_ids:
        for row in await _REPLIES.fetch(connection, jobs=listed(job_ids)):
            replies[row.job_id] = (*replies.get(row.job_id, ()), (row.reply, row.reason))
    return replies


async def next_due(connection: AsyncConnection) -> int | None:
    """Returns when the first waiting job is due (ms since the epoch); None if none waits."""
    [(due,)] = await _NEXT_DUE.fetch(connection)
    return due if due is None else int(due)


async def promote(connection: AsyncConnection, now: int, changes: Changes) -> None:
    """Makes the waiting jobs that are due ready."""
    ready = after(JobState.WAITING, JobEvent.DUE)
    due = await _DUE.fetch(connection, now=now)
    for row in due:
        changes.move(row.batch_id, JobState.WAITING, ready, row.number)
    if due:
        await _PROMOTE.run(connection, [{"now": now}])
