"""Reuse of answers that other batches have, at no cost.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobEvent, JobState, after
from runner.store import batches, results
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import fingerprints, jobs, rows
from runner.store.tables import results as result_rows

_MANY = 1_000  # values in one statement

_its, _other = fingerprints.alias("its"), fingerprints.alias("other")
_SAME = _other.c.fingerprint == _its.c.fingerprint
_FIRST, _LAST = (bindparam(name, type_=Integer) for name in ("first", "last"))
# Jobs with the same request as an answered job of another batch, and the first such job.
_ANSWERED_ELSEWHERE = Statement(
    select(_its.c.job_id, func.min(_other.c.job_id).label("source"))
    .join(_other, _SAME)
    .join(result_rows, result_rows.c.job_id == _other.c.job_id)
    .where(
        OneOf(_its.c.job_id, "jobs"),
        ~_other.c.job_id.between(_FIRST, _LAST),
        result_rows.c.answer.is_not(None),
    )
    .group_by(_its.c.job_id)
)
_SUCCEED_READY = Statement(
    update(jobs).where(jobs.c.id == bindparam("job")).values(state=literal_column("'succeeded'"))
)
_COPY_RESULT = Statement(
    insert(result_rows).from_select(
        ["job_id", "call_id", "reused", "answer", "reply", "error", "recorded_at_ms"],
        select(
            bindparam("job", type_=Integer),
            result_rows.c.call_id,
            literal_column("1"),
            result_rows.c.answer,
            result_rows.c.reply,
            result_rows.c.error,
            bindparam("now", type_=Integer),
        ).where(result_rows.c.job_id == bindparam("source")),
    )
)

# Ready jobs of a batch whose row an earlier batch has answered, with the same request or another.
_new_job, _new_row, _old_row = jobs.alias("new"), rows.alias("new_row"), rows.alias("old_row")


def _bound(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=Integer)


def _row_of(number: ColumnElement[int], whose: str) -> ColumnElement[int]:
    return _bound(f"{whose}_first_row") + number * _bound(f"{whose}_step")


_NUMBER = _new_job.c.id - _bound("new_first_job")
_ANSWERED_TO_ROW = Statement(
    select(_new_job.c.id.label("job_id"), result_rows.c.job_id.label("source"))
    .join(_new_row, _new_row.c.id == _row_of(_NUMBER, "new"))
    .join(_old_row, _old_row.c.id == _row_of(_NUMBER, "old"))
    .join(result_rows, result_rows.c.job_id == _bound("old_first_job") + _NUMBER)
    .where(
        _new_job.c.id.between(_FIRST, _LAST),
        _new_job.c.state == literal_column("'ready'"),
        _bound("old_rows") > _NUMBER,
        _new_row.c.body == _old_row.c.body,
        result_rows.c.answer.is_not(None),
    )
)
_ANY_ELSEWHERE = Statement(
    select(
        or_(
            exists().where(result_rows.c.job_id < _FIRST),
            exists().where(result_rows.c.job_id > _LAST),
        ).label("found")
    )
)


async def answered_before(connection: AsyncConnection, asked: Sequence[bytes]) -> set[bytes]:
    """Returns the fingerprints among `asked` that have an answer in any batch."""
    answered: set[bytes] = set()
    for start in range(0, len(asked), _MANY):
        some = asked[start : start + _MANY]
        among = bindparam("asked", expanding=True, type_=LargeBinary)
        query = (
            select(fingerprints.c.fingerprint)
            .join(result_rows, result_rows.c.job_id == fingerprints.c.job_id)
            .where(fingerprints.c.fingerprint.in_(among), result_rows.c.answer.is_not(None))
        )
        answered.update((await connection.execute(query, {"asked": list(some)})).scalars())
    return answered


async def has_answers_elsewhere(connection: AsyncConnection, batch: Batch) -> bool:
    """Whether any other batch has a result, by a cheap query."""
    own = {"first": batch.first_job, "last": batch.last_job}
    return bool((await _ANY_ELSEWHERE.fetch(connection, **own))[0].found)


async def reuse_answers(
    connection: AsyncConnection, batch: Batch, job_ids: Sequence[int], now: int, changes: Changes
) -> set[int]:
    """Gives ready jobs other batches' answers to the same requests; returns which got one."""
    sources = await _ANSWERED_ELSEWHERE.fetch(
        connection, first=batch.first_job, last=batch.last_job, jobs=listed(job_ids)
    )
    return await _copy_answers(connection, batch, sources, now, changes)


async def adopt_answers(
    connection: AsyncConnection, batch: Batch, old: Batch, start: int, number: int, now: int
) -> Batch:
    """Gives ready jobs the answers of `old` to the same rows, even to other requests.

    Rows are the same if they have the same number in their batches and the same contents.

    Args:
        connection: A connection inside the transaction that has queued the jobs.
        batch: The batch of the jobs.
        old: The batch, or the same part of the batch, that has the answers.
        start: The number of the first job.
        number: The number of jobs.
        now: The present moment (ms since the epoch).
    """
    first, changes = batch.first_job + start, Changes()
    places = {
        f"{name}_{key}": value
        for name, part in (("new", batch), ("old", old))
        for key, value in (("first_row", part.first_row), ("step", part.row_step))
    }
    sources = await _ANSWERED_TO_ROW.fetch(
        connection,
        **places,
        new_first_job=batch.first_job,
        old_first_job=old.first_job,
        old_rows=old.rows,
        first=first,
        last=first + number - 1,
    )
    await _copy_answers(connection, batch, sources, now, changes)
    await changes.write(connection)
    return await batches.get_batch(connection, batch.id) or batch


async def _copy_answers(
    connection: AsyncConnection, batch: Batch, sources: Sequence[Any], now: int, changes: Changes
) -> set[int]:
    """Gives ready jobs (`job_id`) the answers of others (`source`); returns which got one."""
    if not sources:
        return set()
    succeeded = after(JobState.READY, JobEvent.ANSWERED)
    copies = [{"job": row.job_id, "source": row.source, "now": now} for row in sources]
    await _SUCCEED_READY.run(connection, [{"job": row.job_id} for row in sources])
    await _COPY_RESULT.run(connection, copies)
    changes.move(batch.id, JobState.READY, succeeded, len(sources))
    changes.add(batch.id, "reused", len(sources))
    ended = {row.job_id for row in sources}
    await results.end_duplicates(connection, sorted(ended), now, changes)
    return ended
