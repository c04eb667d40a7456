"""Search for rows whose answers differ or are missing: the candidates for a review.

core/review.py decides which of them need one. Functions take a connection inside a short read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, literal, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.store import reviews
from runner.store.batches import Batch
from runner.store.tables import jobs, results, rows

SEARCHED = 20_000
"""The number of rows that one search scans; a quarter of it where all rows are wanted."""


@dataclass(frozen=True, slots=True)
class Disputed:
    """A row that has ended, with the answers of all parts of its batch.

    Attributes:
        number: The number of the row, from 1.
        answers: The answer of each vote; None where there is none.
        alone: The answer from the check that asked the row alone; None if there is none.
        body: The row as JSON, if it was asked for.
    """

    number: int
    answers: tuple[str | None, ...]
    alone: str | None = None
    body: str | None = None


async def search(
    connection: AsyncConnection,
    voters: Sequence[Batch],
    check: Batch | None,
    first: int,
    *,
    every: bool = False,
    most: int = SEARCHED,
) -> tuple[list[Disputed], int]:
    """Finds rows without a review that lack an answer or have different ones, from `first` on.

    Args:
        connection: A connection inside a read.
        voters: The parts of a batch that vote, the batch itself first.
        check: The part that asks rows alone, if there is one.
        first: The number of the row to begin with, from 1.
        every: Whether undisputed rows are returned, too; then each has its `body`.
        most: The largest number of rows to return, where an index finds them one by one.

    Returns:
        The rows, in order, and the number of the last row that was scanned.
    """
    whole = voters[0]
    indexed = len(voters) == 1 and check is None and not every
    span = max(1, SEARCHED // 4) if every else SEARCHED
    last = whole.rows_loaded if indexed else min(whole.rows_loaded, first + span - 1)
    query = _query(voters, check, every=every, indexed=indexed).where(
        results.c.job_id.between(whole.first_job + first - 1, whole.first_job + last - 1)
    )
    query = query.order_by(results.c.job_id)
    matches = await connection.execute(query.limit(most) if indexed else query)
    disputed = [_disputed(whole, tuple(row), len(voters)) for row in matches]
    return disputed, disputed[-1].number if indexed and len(disputed) == most else last


def _query(
    voters: Sequence[Batch], check: Batch | None, *, every: bool, indexed: bool
) -> Select[Any]:
    whole = voters[0]
    others = [results.alias(f"vote_{number}") for number in range(2, len(voters) + 1)]
    alone = results.alias("alone")
    columns: list[ColumnElement[Any]] = [results.c.answer, *(vote.c.answer for vote in others)]
    columns.append(alone.c.answer if check else literal_column("NULL"))
    columns.append(rows.c.body if every else literal_column("NULL"))
    query = select(results.c.job_id, *columns).select_from(results)
    for part, other in zip(voters[1:], others, strict=True):
        same_row = results.c.job_id + literal(part.first_job - whole.first_job)
        query = query.join(other, other.c.job_id == same_row)
    if check is not None:
        query = query.outerjoin(alone, _is_same_row(alone, whole, check))
    if every:
        same_row = results.c.job_id + literal(whole.first_row - whole.first_job)
        query = query.join(rows, rows.c.id == same_row)
    else:
        query = query.where(_differ(others, alone if check is not None else None))
    if indexed:  # the failed jobs have a partial index of their own, in order
        query = query.join(jobs, jobs.c.id == results.c.job_id).where(
            jobs.c.state == literal_column("'failed'"),
        )
    return query.where(reviews.unreviewed(results.c.job_id)) if whole.reviews_made else query


def _is_same_row(alone: FromClause, whole: Batch, check: Batch) -> ColumnElement[bool]:
    place = results.c.job_id - literal(whole.first_job)
    step = literal(check.row_step)
    own = alone.c.job_id == place // step + literal(check.first_job)
    return and_(place % step == literal(0), own)


def _differ(others: Sequence[FromClause], alone: FromClause | None) -> ColumnElement[bool]:
    answer = results.c.answer
    differences = [vote.c.answer.is_distinct_from(answer) for vote in others]
    if alone is not None:
        differences.append(alone.c.answer != answer)
    return or_(answer.is_(None), *differences)


def _disputed(whole: Batch, row: tuple[Any, ...], votes: int) -> Disputed:
    job_id, *values = row
    answers = tuple(values[:votes])
    return Disputed(job_id - whole.first_job + 1, answers, values[votes], values[votes + 1])
