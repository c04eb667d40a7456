"""Retries of failed jobs: by a user, or because another cause than the row was found.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, case, delete, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import BatchState, JobEvent, JobState, after
from runner.core.tries import REQUEUED_ATTEMPTS, REQUEUED_FAULTS
from runner.store import batch_updates, batches, results, reviews
from runner.store.batch_rows import place_of, row_of
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import invalid_replies, jobs
from runner.store.tables import results as results_table

_UNTRIED = dict.fromkeys(("attempts", "crashes", "faults", "invalid_replies", "splits"), 0)

# Failed jobs, without those whose row a person has answered.
_OWN_FAILED = (
    jobs.c.state == literal_column("'failed'"),
    jobs.c.id.between(bindparam("first"), bindparam("last")),
    reviews.unreviewed(row_of(func.coalesce(jobs.c.duplicate_of, jobs.c.id))),
)
_OF_FAILED = select(jobs.c.id).where(*_OWN_FAILED)
_FAILED_BY = Statement(
    select(results_table.c.call_id, func.count().label("number"))
    .where(results_table.c.job_id.in_(_OF_FAILED), results_table.c.reused == literal_column("0"))
    .where(results_table.c.call_id.is_not(None))
    .group_by(results_table.c.call_id)
)
_FORGET_ALL_FAILURES = Statement(
    delete(results_table).where(results_table.c.job_id.in_(_OF_FAILED))
)
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
    .values({"state": case((_IS_DUPLICATE, "duplicate"), else_="ready"), **_UNTRIED})
)

# Failed jobs and their failed duplicates.
_TAKEN_BACK = (
    jobs.c.state == literal_column("'failed'"),
    or_(OneOf(jobs.c.id, "jobs"), OneOf(jobs.c.duplicate_of, "jobs")),
)
_COUNT_TAKEN_BACK = Statement(
    select(jobs.c.batch_id, _IS_DUPLICATE.label("is_duplicate"), func.count().label("number"))
    .where(*_TAKEN_BACK)
    .group_by(jobs.c.batch_id, _IS_DUPLICATE)
)
_FORGET_TAKEN_BACK = Statement(
    delete(results_table).where(results_table.c.job_id.in_(select(jobs.c.id).where(*_TAKEN_BACK)))
)
_TAKE_BACK = Statement(
    update(jobs)
    .where(*_TAKEN_BACK)
    .values(
        state=case((_IS_DUPLICATE, "duplicate"), else_="ready"),
        attempts=case((_IS_DUPLICATE, 0), else_=REQUEUED_ATTEMPTS),
        faults=case((_IS_DUPLICATE, 0), else_=REQUEUED_FAULTS),
    )
)


async def requeue_failed(
    connection: AsyncConnection, job_ids: Sequence[int], changes: Changes
) -> None:
    """Queues jobs again that failed for another's fault; see `Tries.was_requeued`."""
    if not job_ids:
        return
    which = {"jobs": listed(job_ids)}
    await results.uncount_failures(connection, job_ids)
    for row in await _COUNT_TAKEN_BACK.fetch(connection, **which):
        event = JobEvent.DEDUPLICATED if row.is_duplicate else JobEvent.RETRIED
        new = after(JobState.FAILED, event)
        changes.move(row.batch_id, JobState.FAILED, new, row.number)
    await _FORGET_TAKEN_BACK.run(connection, [which])
    await _TAKE_BACK.run(connection, [which])


async def retry_parts(
    connection: AsyncConnection, batch_id: int, job_ids: Sequence[int] | None = None
) -> int:
    """Queues the failed jobs of a batch and its parts again; returns their number.

    Paused parts that have jobs again are resumed. With `job_ids` only these jobs and their
    duplicates are queued.
    """
    before = await batches.parts_of(connection, batch_id)
    if job_ids is None:
        retried = sum([await retry_failed(connection, part) for part in before])
    else:
        retried = await retry_jobs(connection, job_ids)
    left = {part.id: part.left for part in before}
    for part in await batches.parts_of(connection, batch_id):
        if part.state is BatchState.PAUSED and part.left > left[part.id]:
            await batch_updates.set_batch_state(connection, part.id, BatchState.ACTIVE)
    return retried


async def retry_jobs(connection: AsyncConnection, job_ids: Sequence[int]) -> int:
    """Queues these failed jobs and their failed duplicates again; returns their number."""
    changes = Changes()
    await requeue_failed(connection, job_ids, changes)
    await connection.execute(
        update(jobs)
        .where(jobs.c.state == JobState.READY, OneOf(jobs.c.id, "jobs"))
        .values(_UNTRIED),
        {"jobs": listed(job_ids)},
    )
    await connection.execute(
        delete(invalid_replies).where(OneOf(invalid_replies.c.job_id, "jobs")),
        {"jobs": listed(job_ids)},
    )
    await changes.write(connection)
    return -sum(counter[JobState.FAILED] for counter in changes.by_batch.values())


async def retry_failed(connection: AsyncConnection, batch: Batch) -> int:
    """Queues the failed jobs of `batch` again, as if never tried; returns their number."""
    own = place_of(batch)
    ended_by = await _FAILED_BY.fetch(connection, **own)
    await results.count_finished(connection, {row.call_id: -row.number for row in ended_by})
    await _FORGET_ALL_FAILURES.run(connection, [own])
    await _FORGET_INVALID_REPLIES.run(connection, [own])
    changes = Changes()
    for row in await _FAILED.fetch(connection, **own):
        event = JobEvent.DEDUPLICATED if row.is_duplicate else JobEvent.RETRIED
        changes.move(batch.id, JobState.FAILED, after(JobState.FAILED, event), row.number)
    await _RETRY.run(connection, [own])
    await changes.write(connection)
    return -changes.by_batch[batch.id][JobState.FAILED]
