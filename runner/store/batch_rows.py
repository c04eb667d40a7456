"""Queries on the rows of a batch and their results, in the order of the input.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import ROW_STATES, BatchState, JobState
from runner.store.batches import Batch
from runner.store.damage import as_enum
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import calls, jobs, results, rows

FIRST, LAST = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)


def row_of(job_id: ColumnElement[int]) -> ColumnElement[int]:
    """Returns the id of a job's row as an SQL expression; `place_of` returns its parameters."""
    first_row, first_job, step = (
        bindparam(name, type_=BigInteger) for name in ("first_row", "first_job", "row_step")
    )
    return first_row + (job_id - first_job) * step


ROW_OF_JOB = row_of(jobs.c.id)
LONGEST_LABEL = 60
"""The length up to which an answer may be a label, in characters."""

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
    .join(rows, rows.c.id == ROW_OF_JOB)
    .outerjoin(results, results.c.job_id == jobs.c.id)
    .outerjoin(calls, calls.c.id == results.c.call_id)
    .where(jobs.c.id.between(FIRST, LAST))
    .order_by(jobs.c.id)
    .limit(bindparam("size"))
)
_ENDED = Statement(
    select(results.c.job_id)
    .where(results.c.job_id.between(FIRST, LAST))
    .order_by(results.c.job_id)
    .limit(bindparam("size"))
)
_ANSWERS = Statement(
    select(results.c.job_id, results.c.answer).where(OneOf(results.c.job_id, "jobs"))
)


async def first_bodies(connection: AsyncConnection, batch: Batch, number: int) -> list[str]:
    """Returns the first rows of a batch, at most `number`, of those that are queued."""
    last = batch.first_row + min(number, batch.rows_loaded) - 1
    own = rows.c.id.between(batch.first_row, last)
    return list(await connection.scalars(select(rows.c.body).where(own).order_by(rows.c.id)))


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
            words.get(state) or words[as_enum(JobState, state)],
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


async def ended(connection: AsyncConnection, first_job: int, last_job: int, most: int) -> list[int]:
    """Returns up to `most` jobs from `first_job` to `last_job` that have a result, in order."""
    with_result = await _ENDED.fetch(connection, first=first_job, last=last_job, size=most)
    return [row.job_id for row in with_result]


async def answers(connection: AsyncConnection, job_ids: Sequence[int]) -> list[str | None]:
    """Returns the answers to these jobs, in their order; None for a job without an answer."""
    with_answer = await _ANSWERS.fetch(connection, jobs=listed(job_ids))
    by_job = {row.job_id: row.answer for row in with_answer}
    return [by_job.get(job_id) for job_id in job_ids]


async def common_answers(
    connection: AsyncConnection,
    first_job: int,
    last_job: int,
    most: int,
    longest: int = LONGEST_LABEL,
) -> list[tuple[str, int]]:
    """Returns the most frequent answers of these jobs, up to `longest` characters, with counts."""
    own = results.c.job_id.between(first_job, last_job)
    short = func.length(results.c.answer) <= longest
    number = func.count().label("number")
    query = (
        select(results.c.answer, number)
        .where(own, short)
        .group_by(results.c.answer)
        .order_by(number.desc(), results.c.answer)
        .limit(most)
    )
    return [(row.answer, row.number) for row in await connection.execute(query)]


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
    """Maps the state of a job to the user's word, which is never queued in a cancelled batch."""
    words = {state.value: word for word, states in ROW_STATES.items() for state in states}
    if batch.state is not BatchState.CANCELLED:
        return words
    return {state: "cancelled" if word == "queued" else word for state, word in words.items()}
