"""What people have answered to rows: kept beside the models' answers, never in their place.

A review is added, and may be taken back; none is ever changed. Of those of a job that stand, the
last one counts: so of two people who answer the same row at once, nobody's answer is lost.
Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
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

from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.statement import Statement
from runner.store.tables import fingerprints, jobs, reviews, rows

ANY_NUMBER = -1
"""As SQL's LIMIT has it."""


@dataclass(frozen=True, slots=True)
class Review:
    """A person's answer to the row of a job, and when it was given (ms since the epoch).

    One that was taken back since has the moment of that.
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
_OWN = reviews.c.job_id.between(bindparam("first", type_=Integer), bindparam("last", type_=Integer))
_STANDING = Statement(
    select(reviews)
    .where(_OWN, _LAST_STANDING)
    .order_by(reviews.c.job_id)
    .limit(bindparam("size", type_=Integer))
)
_ADD = Statement(
    insert(reviews).values(
        {name: bindparam(name) for name in ("job_id", "answer", "reviewer", "reviewed_at_ms")}
    )
)


async def standing(
    connection: AsyncConnection, first_job: int, last_job: int, most: int = ANY_NUMBER
) -> dict[int, Review]:
    """By job, from the first to the last of these, the review that counts; at most so many."""
    found = await _STANDING.fetch(connection, first=first_job, last=last_job, size=most)
    return {row.job_id: Review(*row) for row in found}


async def history(connection: AsyncConnection, job_id: int) -> list[Review]:
    """Every review of a job, those that were taken back included; the first one first."""
    query = select(reviews).where(reviews.c.job_id == job_id).order_by(reviews.c.id)
    return [Review(*row) for row in await connection.execute(query)]


async def record(
    connection: AsyncConnection, batch: Batch, given: Sequence[NewReview], now: int
) -> None:
    """Store what people have answered to rows of `batch`."""
    values = [
        {
            "job_id": one.job_id,
            "answer": one.answer,
            "reviewer": one.reviewer,
            "reviewed_at_ms": now,
        }
        for one in given
    ]
    await _ADD.run(connection, values)
    await _count(connection, batch, len(values))


async def latest_of(connection: AsyncConnection, batch: Batch, reviewer: str) -> Review | None:
    """The last review by a person in a batch that stands."""
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
    """Take a review back, and those that were given with it; the jobs that they were about."""
    alike = await alike_jobs(connection, review.job_id)
    given_with = (
        reviews.c.job_id.in_(alike),
        reviews.c.reviewer == review.reviewer,
        reviews.c.reviewed_at_ms == review.reviewed_at,
        reviews.c.taken_back_at_ms.is_(None),
    )
    found = await connection.execute(
        update(reviews).where(*given_with).values(taken_back_at_ms=now).returning(reviews.c.job_id)
    )
    return sorted(found.scalars())


async def alike_jobs(connection: AsyncConnection, job_id: int) -> list[int]:
    """The jobs of its batch that ask what this one asks, itself among them."""
    own = select(func.coalesce(jobs.c.duplicate_of, jobs.c.id)).where(jobs.c.id == job_id)
    first = await connection.scalar(own)
    query = select(jobs.c.id).where(or_(jobs.c.id == first, jobs.c.duplicate_of == first))
    return sorted((await connection.execute(query)).scalars())


async def by_reviewer(connection: AsyncConnection, batch: Batch) -> list[tuple[str, int]]:
    """Who has reviewed rows of a batch, and how many; most rows first."""
    number = func.count().label("number")
    query = (
        select(reviews.c.reviewer, number)
        .where(reviews.c.job_id.between(batch.first_job, batch.last_job), _LAST_STANDING)
        .group_by(reviews.c.reviewer)
        .order_by(number.desc(), reviews.c.reviewer)
    )
    return [(row.reviewer, row.number) for row in await connection.execute(query)]


def unreviewed(job_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether no review of this job stands; a row of a batch has the id of its job."""
    own = reviews.alias("own")
    return ~exists().where(own.c.job_id == job_id, own.c.taken_back_at_ms.is_(None))


async def carry_over(
    connection: AsyncConnection, old: Batch, new: Batch, *, by_row: bool = False
) -> int:
    """Give rows of `new` what people have answered to the same requests of `old`; how many.

    With `by_row`: to the same rows, whatever is asked of them; the same are those with the same
    number and the same contents. Rows of `new` that somebody has reviewed keep that.
    """
    if not old.reviews_made:
        return 0
    query = _of_same_rows(old, new) if by_row else _of_same_requests(new)
    its_own = query.where(
        reviews.c.job_id.between(old.first_job, old.last_job), _LAST_STANDING
    ).order_by(reviews.c.id)
    found = (await connection.execute(its_own)).mappings()
    values = {row["job_id"]: dict(row) for row in found}  # of several to the same, the last
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
