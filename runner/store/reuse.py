"""Reuse of answers that other batches have, at no cost.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    and_,
    bindparam,
    case,
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
from runner.store.tables import fingerprints, image_tasks, jobs, rows
from runner.store.tables import results as result_rows

_MANY = 1_000  # values in one statement

_FIRST, _LAST = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
# Within a batch, only the first job with a request has a fingerprint.
_asking, _other = fingerprints.alias("asking"), fingerprints.alias("other")
_ALIKE = and_(_other.c.fingerprint == _asking.c.fingerprint, _other.c.job_id != _asking.c.job_id)
_SAME_REQUEST = (
    select(
        _asking.c.job_id,
        jobs.c.batch_id,
        func.min(_other.c.job_id).label("source"),
    )
    .join(_other, _ALIKE)
    .join(result_rows, result_rows.c.job_id == _other.c.job_id)
    .join(jobs, jobs.c.id == _asking.c.job_id)
    .where(result_rows.c.answer.is_not(None))
    .group_by(_asking.c.job_id, jobs.c.batch_id)
)
# Jobs with the same request as an answered job of another batch, and the first such job.
_ANSWERED_ELSEWHERE = Statement(_SAME_REQUEST.where(OneOf(_asking.c.job_id, "jobs")))
# Jobs whose request jobs of other batches ask, too; the first of those that is answered, and the
# first in flight: in a call, or at work at the provider for an account that this process polls.
_twin, _twin_result = jobs.alias("twin"), result_rows.alias("twin_result")
_IN_FLIGHT = or_(
    _twin.c.state == literal_column("'running'"),
    and_(
        _twin.c.state == literal_column("'pending'"),
        exists().where(
            image_tasks.c.job_id == _twin.c.id, OneOf(image_tasks.c.account, "accounts")
        ),
    ),
)
_SHARED = Statement(
    select(
        _asking.c.job_id,
        jobs.c.batch_id,
        _asking.c.fingerprint,
        func.min(case((_twin_result.c.answer.is_not(None), _twin.c.id))).label("source"),
        func.min(case((_IN_FLIGHT, _twin.c.id))).label("in_flight"),
    )
    .join(_other, _ALIKE)
    .join(_twin, _twin.c.id == _other.c.job_id)
    .join(jobs, jobs.c.id == _asking.c.job_id)
    .outerjoin(_twin_result, _twin_result.c.job_id == _twin.c.id)
    .where(OneOf(_asking.c.job_id, "jobs"))
    .group_by(_asking.c.job_id, jobs.c.batch_id, _asking.c.fingerprint)
)
# Ready jobs of these batches with the same request as one of these answered jobs.
_ASKED_ELSEWHERE = Statement(
    _SAME_REQUEST.where(
        OneOf(_other.c.job_id, "answered"),
        jobs.c.state == literal_column("'ready'"),
        OneOf(jobs.c.batch_id, "batches"),
    )
)
_SUCCEED_READY = Statement(
    update(jobs).where(jobs.c.id == bindparam("job")).values(state=literal_column("'succeeded'"))
)
_COPY_RESULT = Statement(
    insert(result_rows).from_select(
        ["job_id", "call_id", "reused", "answer", "reply", "error", "recorded_at_ms"],
        select(
            bindparam("job", type_=BigInteger),
            result_rows.c.call_id,
            literal_column("1"),
            result_rows.c.answer,
            result_rows.c.reply,
            result_rows.c.error,
            bindparam("now", type_=BigInteger),
        ).where(result_rows.c.job_id == bindparam("source")),
    )
)

# Ready jobs of a batch whose row an earlier batch has answered, with the same request or another.
_new_job, _new_row, _old_row = jobs.alias("new"), rows.alias("new_row"), rows.alias("old_row")


def _bound(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=BigInteger)


def _row_of(number: ColumnElement[int], whose: str) -> ColumnElement[int]:
    return _bound(f"{whose}_first_row") + number * _bound(f"{whose}_step")


_NUMBER = _new_job.c.id - _bound("new_first_job")
_ANSWERED_TO_ROW = Statement(
    select(
        _new_job.c.id.label("job_id"),
        _new_job.c.batch_id,
        result_rows.c.job_id.label("source"),
    )
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
    connection: AsyncConnection, job_ids: Sequence[int], now: int, changes: Changes
) -> set[int]:
    """Gives ready jobs other batches' answers to the same requests; returns which got one."""
    sources = await _ANSWERED_ELSEWHERE.fetch(connection, jobs=listed(job_ids))
    return await _copy_answers(connection, sources, now, changes)


@dataclass(frozen=True, slots=True)
class SharedRequests:
    """The requests of some jobs that jobs of other batches ask, too.

    Attributes:
        ended: The jobs that got the answer of another.
        requests: The request of each job that shares it.
        in_flight: The requests that are in flight for another batch, each with that job.
    """

    ended: Collection[int]
    requests: Mapping[int, bytes]
    in_flight: Sequence[tuple[bytes, int]]


async def share_requests(
    connection: AsyncConnection,
    job_ids: Sequence[int],
    reusing: Collection[int],
    accounts: Sequence[str],
    now: int,
    changes: Changes,
) -> SharedRequests:
    """Finds jobs of other batches with the same requests, and reuses the answers among them.

    Args:
        connection: A connection inside a transaction that writes.
        job_ids: Ready jobs.
        reusing: The batches whose jobs may take answers of other batches.
        accounts: The accounts whose image tasks this process polls.
        now: The present moment (ms since the epoch).
        changes: Collects changes of the counts of batches.
    """
    found = await _SHARED.fetch(connection, jobs=listed(job_ids), accounts=listed(accounts))
    sources = [row for row in found if row.source is not None and row.batch_id in reusing]
    return SharedRequests(
        ended=await _copy_answers(connection, sources, now, changes),
        requests={row.job_id: row.fingerprint for row in found},
        in_flight=[(row.fingerprint, row.in_flight) for row in found if row.in_flight is not None],
    )


async def share_answers(
    connection: AsyncConnection,
    answered: Sequence[int],
    batch_ids: Sequence[int],
    now: int,
    changes: Changes,
) -> set[int]:
    """Gives the answers of these jobs to the ready jobs of other batches with the same requests.

    Args:
        connection: A connection inside the transaction that has recorded the answers.
        answered: The jobs that were answered.
        batch_ids: The batches whose jobs may take the answers.
        now: The present moment (ms since the epoch).
        changes: Collects changes of the counts of batches.

    Returns:
        The jobs that got an answer.
    """
    sources = await _ASKED_ELSEWHERE.fetch(
        connection, answered=listed(answered), batches=listed(batch_ids)
    )
    return await _copy_answers(connection, sources, now, changes)


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
    await _copy_answers(connection, sources, now, changes)
    await changes.write(connection)
    return await batches.get_batch(connection, batch.id) or batch


async def _copy_answers(
    connection: AsyncConnection, sources: Sequence[Any], now: int, changes: Changes
) -> set[int]:
    """Gives ready jobs (`job_id`) the answers of others (`source`); returns which got one."""
    if not sources:
        return set()
    succeeded = after(JobState.READY, JobEvent.ANSWERED)
    copies = [{"job": row.job_id, "source": row.source, "now": now} for row in sources]
    await _SUCCEED_READY.run(connection, [{"job": row.job_id} for row in sources])
    await _COPY_RESULT.run(connection, copies)
    for batch_id, number in Counter(row.batch_id for row in sources).items():
        changes.move(batch_id, JobState.READY, succeeded, number)
        changes.add(batch_id, "reused", number)
    ended = {row.job_id for row in sources}
    await results.end_duplicates(connection, sorted(ended), now, changes)
    return ended
