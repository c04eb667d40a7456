"""Queries on jobs that can be claimed, in the order of the input, and on retries that are due.

Functions take a connection inside the caller's transaction. Their cost does not depend on the
number of jobs in the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Select, bindparam, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Candidate
from runner.core.states import JobEvent, JobState, after
from runner.core.tries import Tries
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.expressions import ByteLength, OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import batches, invalid_replies, jobs, rows

# The states as literals: SQLite uses a partial index only if the query repeats its condition.
READY = jobs.c.state == literal_column("'ready'")
WAITING = jobs.c.state == literal_column("'waiting'")
RUNNING = jobs.c.state == literal_column("'running'")

_of_batch = jobs.alias("of_batch")
_ROW_OF_JOB = batches.c.first_row + (jobs.c.id - batches.c.first_job) * batches.c.row_step


def _ready(*, split: bool) -> Select[Any]:
    """Returns a query of ready jobs: those of split packs, the least split first, or the others."""
    # Both conditions fit the index of ready jobs, so jobs of other batches cost nothing.
    splits = _of_batch.c.splits
    first = (
        select(_of_batch.c.id)
        .where(
            _of_batch.c.state == literal_column("'ready'"),
            splits > literal_column("0") if split else splits == literal_column("0"),
            _of_batch.c.id >= batches.c.first_job,
            _of_batch.c.id < batches.c.first_job + batches.c.rows,
        )
        .order_by(splits, _of_batch.c.id)
        .limit(bindparam("number"))
        .correlate(batches)
    )
    return (
        select(
            batches.c.id.label("batch_id"),
            jobs.c.id,
            jobs.c.attempts,
            jobs.c.crashes,
            jobs.c.faults,
            jobs.c.invalid_replies,
            jobs.c.splits,
            ByteLength(rows.c.body).label("size"),
        )
        .join_from(batches, jobs, jobs.c.id.in_(first))
        .join(rows, rows.c.id == _ROW_OF_JOB)
        .where(OneOf(batches.c.id, "batches"))
        .order_by(batches.c.id, jobs.c.splits, jobs.c.id)
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
    """A job that can be claimed.

    Attributes:
        job_id: Its id.
        tries: Its history.
        size: The size of its row in bytes.
        request: What it asks; None if it is not known that jobs of other batches ask the same.
    """

    job_id: int
    tries: Tries
    size: int = 0
    request: bytes | None = None

    @property
    def candidate(self) -> Candidate:
        """The job as a candidate for packing."""
        return Candidate(self.job_id, self.tries.splits, self.size)


async def read_ready(
    connection: AsyncConnection, whose: Sequence[Batch], calls: int
) -> dict[int, list[ReadyJob]]:
    """Returns ready jobs for up to `calls` full calls of each batch, by batch.

    They are in the order of the input; those of split packs come after all others, so that the
    calls of both groups stay full.
    """
    ready: dict[int, list[ReadyJob]] = {batch.id: [] for batch in whose}
    for most, alike in groupby(sorted(whose, key=_pack_size), key=_pack_size):
        ids = [batch.id for batch in alike]
        for statement in (_READY_WHOLE, _READY_SPLIT):
            lacking = [batch_id for batch_id in ids if len(ready[batch_id]) < calls * most]
            if lacking:
                found = await statement.fetch(
                    connection, batches=listed(lacking), number=calls * most
                )
                for batch_id, job_id, *tries, size in found:
                    ready[batch_id].append(ReadyJob(job_id, Tries(*tries), size))
        for batch_id in ids:
            del ready[batch_id][calls * most :]
    return ready


def _pack_size(batch: Batch) -> int:
    return batch.packing.most


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
