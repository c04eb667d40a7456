"""Queries on the rows of a batch and their results, in the order of the input.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.message_pattern import pattern_of
from runner.core.states import BatchState, JobState
from runner.store import reviews
from runner.store.batches import Batch
from runner.store.damage import known
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import calls, invalid_replies, jobs, results, rows

_FIRST, _LAST = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)


def row_of(job_id: ColumnElement[int]) -> ColumnElement[int]:
    """Returns the id of a job's row as an SQL expression; `place_of` returns its parameters."""
    first_row, first_job, step = (
        bindparam(name, type_=BigInteger) for name in ("first_row", "first_job", "row_step")
    )
    return first_row + (job_id - first_job) * step


_ROW_OF_JOB = row_of(jobs.c.id)

_PAGE = Statement(
    select(
        jobs.c.id,
        rows.c.body,
        jobs.c.state,
        results.c.answer,
        calls.c.model,
        results.c.error,
        calls.c.account,
        results.c.call_id,
        results.c.reused,
        results.c.reply,
        calls.c.status,
    )
    .join(rows, rows.c.id == _ROW_OF_JOB)
    .outerjoin(results, results.c.job_id == jobs.c.id)
    .outerjoin(calls, calls.c.id == results.c.call_id)
    .where(jobs.c.id.between(_FIRST, _LAST))
    .order_by(jobs.c.id)
    .limit(bindparam("size"))
)
_FAILURES = Statement(
    select(jobs.c.id, results.c.error, results.c.reply, rows.c.body)
    .join(results, results.c.job_id == jobs.c.id)
    .join(rows, rows.c.id == _ROW_OF_JOB)
    .where(jobs.c.state == literal_column("'failed'"), jobs.c.id.between(_FIRST, _LAST))
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
    .where(jobs.c.state == literal_column("'failed'"), jobs.c.id.between(_FIRST, _LAST))
    .order_by(jobs.c.id)
)
_INVALID_REPLIES = Statement(
    select(invalid_replies.c.job_id, invalid_replies.c.reply)
    .where(OneOf(invalid_replies.c.job_id, "jobs"))
    .order_by(invalid_replies.c.job_id, invalid_replies.c.number)
)
_ENDED = Statement(
    select(results.c.job_id)
    .where(results.c.job_id.between(_FIRST, _LAST))
    .order_by(results.c.job_id)
    .limit(bindparam("size"))
)
_ANSWERS = Statement(
    select(results.c.job_id, results.c.answer).where(OneOf(results.c.job_id, "jobs"))
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


class ExportRow(NamedTuple):
    """One row of an export.

    `call_id` is the call with its result, made for this row or for another one with the same
    request; `status` is the HTTP status of that call.
    """

    job_id: int
    payload: str
    state: str
    answer: str | None
    model: str | None
    error: str | None
    account: str | None = None
    call_id: int | None = None
    reused: bool = False
    reply: str | None = None
    status: int | None = None


async def export_page(
    connection: AsyncConnection, batch: Batch, after_job: int, size: int
) -> list[ExportRow]:
    """Returns up to `size` rows of `batch` after job `after_job` (0 to begin), in input order."""
    page = await _PAGE.fetch(
        connection, **place_of(batch) | {"first": max(batch.first_job, after_job + 1)}, size=size
    )
    words = _state_words(batch)
    return [
        ExportRow(
            job_id,
            body,
            words.get(state) or words[known(JobState, state)],
            answer,
            model,
            error,
            account,
            call_id,
            bool(reused),
            reply,
            status,
        )
        for (
            job_id,
            body,
            state,
            answer,
            model,
            error,
            account,
            call_id,
            reused,
            reply,
            status,
        ) in page
    ]


async def failures(
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
    connection: AsyncConnection, family: Sequence[Batch], most: int | None = None
) -> list[FailureGroup]:
    """Returns why rows of a batch and its parts have failed, the most frequent cause first."""
    by_cause: dict[str, list[tuple[int, int, str]]] = {}
    reviewed = set()
    for part in family:
        for row in await _ERRORS.fetch(connection, **place_of(part)):
            number = part.row(row.id) - family[0].first_row + 1
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


async def invalid_replies_of(
    connection: AsyncConnection, job_ids: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    """Returns the invalid replies to these jobs, but for the last one of a job that has failed."""
    replies: dict[int, tuple[str, ...]] = {}
    for row in await _INVALID_REPLIES.fetch(connection, jobs=listed(job_ids)):
        replies[row.job_id] = (*replies.get(row.job_id, ()), row.reply)
    return replies


async def ended(connection: AsyncConnection, first_job: int, last_job: int, most: int) -> list[int]:
    """Returns up to `most` jobs from `first_job` to `last_job` that have a result, in order."""
    with_result = await _ENDED.fetch(connection, first=first_job, last=last_job, size=most)
    return [row.job_id for row in with_result]


async def answers(connection: AsyncConnection, job_ids: Sequence[int]) -> list[str | None]:
    """Returns the answers to these jobs, in their order; None for a job without an answer."""
    with_answer = await _ANSWERS.fetch(connection, jobs=listed(job_ids))
    by_job = {row.job_id: row.answer for row in with_answer}
    return [by_job.get(job_id) for job_id in job_ids]


def place_of(batch: Batch) -> dict[str, Any]:
    """Returns the parameters that locate the jobs of `batch` and their rows."""
    return {
        "first": batch.first_job,
        "last": batch.last_job,
        "first_job": batch.first_job,
        "first_row": batch.first_row,
        "row_step": batch.row_step,
    }


def _state_words(batch: Batch) -> dict[str, str]:
    """Maps the state of a job to the user's word: a job without a result is queued or cancelled."""
    named = (JobState.SUCCEEDED, JobState.FAILED, JobState.RUNNING, JobState.PENDING)
    otherwise = "cancelled" if batch.state is BatchState.CANCELLED else "queued"
    return {state.value: state.value if state in named else otherwise for state in JobState}
