"""Queries on the failed rows of a batch: one by one, and by cause.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.message_pattern import pattern_of
from runner.store import reviews
from runner.store.batch_rows import FIRST, LAST, ROW_OF_JOB, place_of, row_of
from runner.store.batches import Batch
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import invalid_replies, jobs, results, rows

PAGE = 2_000
"""The number of failed rows that are read and grouped together."""

_FAILURES = Statement(
    select(jobs.c.id, results.c.error, results.c.reply, rows.c.body)
    .join(results, results.c.job_id == jobs.c.id)
    .join(rows, rows.c.id == ROW_OF_JOB)
    .where(jobs.c.state == literal_column("'failed'"), jobs.c.id.between(FIRST, LAST))
    .order_by(jobs.c.id)
    .limit(bindparam("size"))
)
_ERRORS = Statement(
    select(
        jobs.c.id,
        results.c.error,
        reviews.unreviewed(row_of(func.coalesce(jobs.c.duplicate_of, jobs.c.id))).label("is_open"),
    )
    .join(results, results.c.job_id == jobs.c.id)
    .where(jobs.c.state == literal_column("'failed'"), jobs.c.id.between(FIRST, LAST))
    .order_by(jobs.c.id)
    .limit(bindparam("size"))
)
_INVALID_REPLIES = Statement(
    select(invalid_replies.c.job_id, invalid_replies.c.reply)
    .where(OneOf(invalid_replies.c.job_id, "jobs"))
    .order_by(invalid_replies.c.job_id, invalid_replies.c.number)
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that has failed, with the error and the model's replies, the oldest first.

    `part` is the part of the batch in which it failed; empty for the batch itself.
    """

    row: int  # 1-based, in the input's order
    error: str
    replies: tuple[str, ...]
    payload: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The rows that have failed with the same error, apart from numbers and quoted text.

    Attributes:
        error: The error of the first of these rows.
        count: The number of rows.
        example: The number of the first row, from 1, in the input's order.
        job_ids: Their jobs, without those whose row a person has answered.
    """

    error: str
    count: int
    example: int
    job_ids: tuple[int, ...]


async def first_failures(
    connection: AsyncConnection, batch: Batch, limit: int, from_job: int = 0
) -> list[Failure]:
    """Returns the first `limit` failed rows of `batch` from a job on, in the input's order."""
    place = place_of(batch) | {"first": max(from_job, batch.first_job)}
    failed = await _FAILURES.fetch(connection, **place, size=limit)
    invalid = await invalid_replies_of(connection, [row.id for row in failed])
    return [
        Failure(
            row=1 + (row.id - batch.first_job) * batch.row_step,
            error=row.error,
            replies=(*invalid.get(row.id, ()), *((row.reply,) if row.reply is not None else ())),
            payload=row.body,
            part=batch.part,
        )
        for row in failed
    ]


async def causes(
    connection: AsyncConnection, parts: Sequence[Batch], most: int | None = None
) -> list[FailureGroup]:
    """Returns why rows of a batch and its parts have failed, the most frequent cause first."""
    by_cause: dict[str, list[tuple[int, int, str]]] = {}
    reviewed = set()
    for part in parts:
        async for row in _errors(connection, part):
            number = part.row(row.id) - parts[0].first_row + 1
            by_cause.setdefault(pattern_of(row.error), []).append((number, row.id, row.error))
            if not row.is_open:
                reviewed.add(row.id)
    groups = sorted(by_cause.values(), key=lambda group: (-len(group), min(group)))
    return [
        FailureGroup(
            min(group)[2],
            len(group),
            min(group)[0],
            tuple(job_id for _, job_id, _ in group if job_id not in reviewed),
        )
        for group in groups[:most]
    ]


async def _errors(connection: AsyncConnection, part: Batch) -> AsyncIterator[Any]:
    """Yields the failed rows page by page, so that other tasks run while many are grouped."""
    place = place_of(part)
    while page := await _ERRORS.fetch(connection, **place, size=PAGE):
        for row in page:
            yield row
        place["first"] = page[-1].id + 1


async def invalid_replies_of(
    connection: AsyncConnection, job_ids: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    """Returns the invalid replies to these jobs, but for the last one of a job that has failed."""
    replies: dict[int, tuple[str, ...]] = {}
    for row in await _INVALID_REPLIES.fetch(connection, jobs=listed(job_ids)):
        replies[row.job_id] = (*replies.get(row.job_id, ()), row.reply)
    return replies
