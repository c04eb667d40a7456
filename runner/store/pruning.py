"""Deletion of batches in small steps; their calls stay in the ledger.

A deleted batch is hidden at once and emptied afterwards; after a crash, the next deletion goes on.
Its row stays, so that its id and those of its jobs, which the ledger names, are not reused.
Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import BatchState, JobState
from runner.store.batches import Batch
from runner.store.damage import as_enum
from runner.store.statement import Statement
from runner.store.tables import (
    batch_counts,
    batches,
    fingerprints,
    image_tasks,
    invalid_replies,
    jobs,
    results,
    reviews,
    rows,
)

AT_ONCE = 20_000
"""The largest number of jobs that one transaction deletes."""

_FIRST, _LAST = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
_EMPTY = [
    Statement(delete(table).where(column.between(_FIRST, _LAST)))
    for table, column in (
        (jobs, jobs.c.id),
        (rows, rows.c.id),
        (fingerprints, fingerprints.c.job_id),
        (invalid_replies, invalid_replies.c.job_id),
        (image_tasks, image_tasks.c.job_id),
        (results, results.c.job_id),
        (reviews, reviews.c.job_id),
    )
]


async def hide(connection: AsyncConnection, batch_ids: Sequence[int], now: int) -> None:
    """Marks batches as deleted, which hides them; `empty_some` deletes their rows."""
    for batch_id in batch_ids:
        values = {
            "deleted_at_ms": now,
            "state": BatchState.CANCELLED,
            "digest": f"deleted {batch_id}",
            "output": None,
            "error_output": None,
        }
        await connection.execute(update(batches).where(batches.c.id == batch_id).values(values))


async def empty_some(connection: AsyncConnection) -> bool:
    """Deletes up to `AT_ONCE` jobs of a deleted batch with their data; whether more may be left."""
    counted = batch_counts.c.rows_loaded > 0
    hidden = (
        select(batches.c.id, batches.c.first_job, batch_counts.c.rows_loaded)
        .join(batch_counts, batch_counts.c.batch_id == batches.c.id)
        .where(batches.c.deleted_at_ms.is_not(None), counted)
        .order_by(batches.c.id.desc())  # parts before the batch that has the rows
        .limit(1)
    )
    batch = (await connection.execute(hidden)).first()
    if batch is None:
        return False
    left = max(0, batch.rows_loaded - AT_ONCE)
    span = {"first": batch.first_job + left, "last": batch.first_job + batch.rows_loaded - 1}
    gone = await _states(connection, **span)
    for statement in _EMPTY:
        await statement.run(connection, [span])
    counts = {name: batch_counts.c[name] - number for name, number in gone.items()}
    own = update(batch_counts).where(batch_counts.c.batch_id == batch.id)
    await connection.execute(own.values({"rows_loaded": left, **counts}))
    if not left:
        texts = {
            "job_json": "{}",
            "columns_json": "[]",
            "input": "",
            "selection": "",
            "input_json": "",
        }
        await connection.execute(update(batches).where(batches.c.id == batch.id).values(texts))
    return True


async def _states(connection: AsyncConnection, first: int, last: int) -> dict[str, int]:
    by_state = await connection.execute(
        select(jobs.c.state, func.count())
        .where(jobs.c.id.between(first, last))
        .group_by(jobs.c.state)
    )
    return {as_enum(JobState, state).value: number for state, number in by_state}


async def last_used(connection: AsyncConnection, batch: Batch) -> int:
    """Returns when a batch last got a result or a review, or was queued (ms since the epoch)."""
    latest = [batch.created_at]
    for job_id, moment in (
        (results.c.job_id, results.c.recorded_at_ms),
        (reviews.c.job_id, reviews.c.reviewed_at_ms),
    ):
        own = job_id.between(batch.first_job, batch.last_job)
        latest.append(await connection.scalar(select(func.max(moment)).where(own)) or 0)
    return max(latest)
