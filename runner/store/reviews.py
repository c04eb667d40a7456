"""Reviews: answers of people to rows, stored beside the models' answers, never in their place.

Reviews are append-only: one may be taken back, but none is changed. The last review of a job that
was not taken back counts, so that no answer is lost when two people answer the same row at once.
Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobState
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.statement import Statement
from runner.store.tables import fingerprints, jobs, reviews, rows

ANY_NUMBER = -1
"""A value of `most` for no limit, as in SQLite's LIMIT."""


@dataclass(frozen=True, slots=True)
class Review:
    """A person's answer to the row of a job, and when it was given (ms since the epoch).

    `taken_back_at` is when it was taken back; None if it was not.
    """

    id: int
    job_id: int
    answer: str
    reviewer: str
    reviewed_at: int
    taken_back_at: int | None = None


@dataclass(frozen=True, slots=True)
class NewReview:
    """A person's answer before it is stored."""

    job_id: int
    answer: str
    reviewer: str


_later = reviews.alias("later")
_LAST_STANDING = and_(
    reviews.c.taken_back_at_ms.is_(None),
    ~exists().where(
        _later.c.job_id == reviews.c.job_id,
        _later.c.id > reviews.c.id,
        _later.c.taken_back_at_ms.is_(None),
    ),
)
_OWN = reviews.c.job_id.between(
    bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
)
_STANDING = Statement(
    select(reviews)
    .where(_OWN, _LAST_STANDING)
    .order_by(reviews.c.job_id)
    .limit(bindparam("size", type_=BigInteger))
)
_ADD = Statement(
    insert(reviews).values(
        {name: bindparam(name) for name in ("job_id", "answer", "reviewer", "reviewed_at_ms")}
    )
)


async def standing(
    connection: AsyncConnection, first_job: int, last_job: int, most: int = ANY_NUMBER
) -> dict[int, Review]:
    """Returns the review that counts, by job of this range; at most `most` of them."""
    rows_ = await _STANDING.fetch(connection, first=first_job, last=last_job, size=most)
    return {row.job_id: Review(*row) for row in rows_}


async def history(connection: AsyncConnection, job_id: int) -> list[Review]:
    """Returns every review of a job, the oldest first, with those that were taken back."""
    query = select(reviews).where(reviews.c.job_id == job_id).order_by(reviews.c.id)
    return [Review(*row) for row in await connection.execute(query)]


async def record(
    connection: AsyncConnection, batch: Batch, given: Sequence[NewReview], now: int
) -> None:
    """Stores reviews of rows of `batch`."""
    values = [
        {
            "job_id": review.job_id,
            "answer": review.answer,
            "reviewer": review.reviewer,
            "reviewed_at_ms": now,
        }
        for review in given
    ]
    await _ADD.run(connection, values)
    await _count(connection, batch, len(values))


async def latest_of(connection: AsyncConnection, batch: Batch, reviewer: str) -> Review | None:
    """Returns a person's last review in a batch that was not taken back; None if there is none."""
    query = (
        select(reviews)
        .where(
            reviews.c.job_id.between(batch.first_job, batch.last_job),
            reviews.c.reviewer == reviewer,
            reviews.c.taken_back_at_ms.is_(None),
        )
        .order_by(reviews.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else Review(*row)


async def take_back(connection: AsyncConnection, review: Review, now: int) -> list[int]:
    """Takes a review back, with those of equal requests given at once; returns their jobs."""
    alike = await alike_jobs(connection, review.job_id)
    given_with = (
        reviews.c.job_id.in_(alike),
        reviews.c.reviewer == review.reviewer,
        reviews.c.reviewed_at_ms == review.reviewed_at,
        reviews.c.taken_back_at_ms.is_(None),
    )
    taken_back = await connection.execute(
        update(reviews).where(*given_with).values(taken_back_at_ms=now).returning(reviews.c.job_id)
    )
    return sorted(taken_back.scalars())


async def alike_jobs(connection: AsyncConnection, job_id: int) -> list[int]:
    """Returns the jobs of the same batch with the same request, including this one."""
    own = select(func.coalesce(jobs.c.duplicate_of, jobs.c.id)).where(jobs.c.id == job_id)
    first = await connection.scalar(own)
    query = select(jobs.c.id).where(or_(jobs.c.id == first, jobs.c.duplicate_of == first))
    return sorted((await connection.execute(query)).scalars())


async def by_reviewer(connection: AsyncConnection, batch: Batch) -> list[tuple[str, int]]:
    """Returns the reviewers of a batch with their numbers of rows, the most rows first."""
    number = func.count().label("number")
    query = (
        select(reviews.c.reviewer, number)
        .where(reviews.c.job_id.between(batch.first_job, batch.last_job), _LAST_STANDING)
        .group_by(reviews.c.reviewer)
        .order_by(number.desc(), reviews.c.reviewer)
    )
    return [(row.reviewer, row.number) for row in await connection.execute(query)]


async def count_answered_failures(connection: AsyncConnection, batch: Batch) -> int:
    """Returns the number of failed jobs of a batch that a review has answered."""
    query = (
        select(func.count(reviews.c.job_id.distinct()))
        .join(jobs, jobs.c.id == reviews.c.job_id)
        .where(
            reviews.c.job_id.between(batch.first_job, batch.last_job),
            reviews.c.taken_back_at_ms.is_(None),
            jobs.c.state == JobState.FAILED,
        )
    )
    return await connection.scalar(query) or 0


def unreviewed(job_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Returns the SQL condition that a job has no review; rows and jobs of a batch share ids."""
    own = reviews.alias("own")
    return ~exists().where(own.c.job_id == job_id, own.c.taken_back_at_ms.is_(None))


async def carry_over(
    connection: AsyncConnection, old: Batch, new: Batch, *, by_row: bool = False
) -> int:
    """Copies reviews of `old` to the same requests of `new`; returns their number.

    With `by_row`, they are copied to the same rows, even to other requests: to rows with the same
    number and the same contents. Rows of `new` that already have a review keep it.
    """
    if not old.reviews_made:
        return 0
    query = _of_same_rows(old, new) if by_row else _of_same_requests(new)
    its_own = query.where(
        reviews.c.job_id.between(old.first_job, old.last_job), _LAST_STANDING
    ).order_by(reviews.c.id)
    originals = (await connection.execute(its_own)).mappings()
    values = {row["job_id"]: dict(row) for row in originals}  # the last one for each job
    await _ADD.run(connection, list(values.values()))
    await _count(connection, new, len(values))
    return len(values)


_GIVEN = (reviews.c.answer, reviews.c.reviewer, reviews.c.reviewed_at_ms)


def _of_same_requests(new: Batch) -> Select[Any]:
    its, other = fingerprints.alias("its"), fingerprints.alias("other")
    return (
        select(other.c.job_id, *_GIVEN)
        .join(its, its.c.job_id == reviews.c.job_id)
        .join(other, other.c.fingerprint == its.c.fingerprint)
        .where(other.c.job_id.between(new.first_job, new.last_job), unreviewed(other.c.job_id))
    )


def _of_same_rows(old: Batch, new: Batch) -> Select[Any]:
    its, other = rows.alias("its"), rows.alias("other")
    return (
        select(other.c.id.label("job_id"), *_GIVEN)
        .join(its, its.c.id == reviews.c.job_id)
        .join(other, other.c.id == reviews.c.job_id + literal(new.first_job - old.first_job))
        .where(
            other.c.id.between(new.first_job, new.last_job),
            other.c.body == its.c.body,
            unreviewed(other.c.id),
        )
    )


async def _count(connection: AsyncConnection, batch: Batch, number: int) -> None:
    changes = Changes()
    changes.add(batch.id, "reviews_made", number)
    await changes.write(connection)
