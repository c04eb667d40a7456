"""Rows become jobs: queued in the order of the input, and asked no more often than they must be.

A job that asks the same as an earlier one of its batch is a duplicate of it; one that asks what
another batch has had answered takes that answer, if its batch may reuse answers. Functions take a
connection inside the caller's transaction; what a fingerprint is made of is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
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
from runner.store.expressions import Elements, OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import fingerprints, jobs, rows
from runner.store.tables import results as result_rows

_MANY = 1_000  # values in one statement

FINGERPRINT_BYTES = 16

_bodies, _ids = Elements("bodies").table(), Elements("ids").table()
_ADD_ROWS = Statement(
    insert(rows).from_select(
        ["id", "body"], select(bindparam("first", type_=Integer) + _bodies.c.key, _bodies.c.value)
    )
)
_ADD_JOBS = Statement(
    insert(jobs).from_select(
        ["id", "batch_id", "state"],
        select(_ids.c.value, bindparam("batch", type_=Integer), literal_column("'ready'")),
    )
)
_ADD_DUPLICATES = Statement(
    insert(jobs).values(
        id=bindparam("job"),
        batch_id=bindparam("batch"),
        state=literal_column("'duplicate'"),
        duplicate_of=bindparam("original"),
    )
)
# `together` is all fingerprints, one behind the other, in the order of `ids`.
_its_place = literal(FINGERPRINT_BYTES) * _ids.c.key + 1
_ADD_FINGERPRINTS = Statement(
    insert(fingerprints).from_select(
        ["fingerprint", "job_id"],
        select(
            func.substr(bindparam("together", type_=LargeBinary), _its_place, FINGERPRINT_BYTES),
            _ids.c.value,
        ),
    )
)
_its, _other = fingerprints.alias("its"), fingerprints.alias("other")
_SAME = _other.c.fingerprint == _its.c.fingerprint
_FIRST, _LAST = (bindparam(name, type_=Integer) for name in ("first", "last"))
# Jobs of a chunk that ask what an earlier job of the batch asks.
_EARLIER = Statement(
    select(_its.c.job_id, func.min(_other.c.job_id).label("original"))
    .join(_other, _SAME)
    .where(
        _its.c.job_id.between(_FIRST, _LAST),
        _other.c.job_id >= bindparam("batch_first"),
        _other.c.job_id < bindparam("chunk_first"),
    )
    .group_by(_its.c.job_id)
)
_FORGET_FINGERPRINTS = Statement(delete(fingerprints).where(OneOf(fingerprints.c.job_id, "jobs")))
_BECOME_DUPLICATE = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(state=literal_column("'duplicate'"), duplicate_of=bindparam("original"))
)
# Jobs that ask what another batch has had answered, and the first that it was answered to.
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

# Ready jobs of a batch about a row that an earlier batch has answered, whatever it asked of it.
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


async def enqueue(
    connection: AsyncConnection,
    batch: Batch,
    start: int,
    bodies: Sequence[str],
    asked: Sequence[bytes] = (),
    now: int = 0,
) -> Batch:
    """Queue rows (JSON objects) as the jobs of `batch` from row number `start` on (0-based).

    `asked` are the fingerprints of what each row asks; without them no row asks the same as
    another. Returns the batch as it is then.
    """
    if not bodies:
        return batch
    first = batch.first_job + start
    await _ADD_ROWS.run(connection, [{"first": first, "bodies": listed(bodies)}])
    return await add_jobs(connection, batch, start, len(bodies), asked, now)


async def add_jobs(
    connection: AsyncConnection,
    batch: Batch,
    start: int,
    number: int,
    asked: Sequence[bytes] = (),
    now: int = 0,
) -> Batch:
    """Queue `number` jobs of `batch` from number `start` on; their rows are there already.

    Raises:
        ValueError: It was made for fewer: the numbers behind are those of the next batch. Or a
            fingerprint has another length than `FINGERPRINT_BYTES`.
    """
    if start + number > batch.rows:
        raise ValueError(f"batch {batch.id} takes {batch.rows} rows, not {start + number}")
    if set(map(len, asked)) - {FINGERPRINT_BYTES}:
        raise ValueError(f"a fingerprint has {FINGERPRINT_BYTES} bytes")
    first = batch.first_job + start
    job_ids = range(first, first + number)
    changes = Changes()
    if asked:
        await _add_deduplicated(connection, batch, job_ids, asked, now, changes)
    else:
        await _add(connection, batch, job_ids, {}, changes)
    await changes.write(connection)
    return await batches.get_batch(connection, batch.id) or batch


async def _add_deduplicated(
    connection: AsyncConnection,
    batch: Batch,
    job_ids: range,
    asked: Sequence[bytes],
    now: int,
    changes: Changes,
) -> None:
    """Add a chunk of jobs, of which some ask what earlier ones ask."""
    firsts: dict[bytes, int] = {}
    for job_id, fingerprint in zip(job_ids, asked, strict=True):
        firsts.setdefault(fingerprint, job_id)
    originals = {
        job_id: firsts[fingerprint]
        for job_id, fingerprint in zip(job_ids, asked, strict=True)
        if firsts[fingerprint] != job_id
    }
    await _add(connection, batch, job_ids, originals, changes)
    originals |= await _deduplicate_earlier(connection, batch, job_ids, firsts, originals, changes)
    if batch.reuse_answers and await has_answers_elsewhere(connection, batch):
        own = [job_id for job_id in firsts.values() if job_id not in originals]
        await reuse_answers(connection, batch, own, now, changes)
    await results.end_duplicates(connection, sorted(set(originals.values())), now, changes)


async def _add(
    connection: AsyncConnection,
    batch: Batch,
    job_ids: range,
    originals: Mapping[int, int],
    changes: Changes,
) -> None:
    """Add the jobs of a chunk; `originals`: by job, the job of the chunk that it duplicates."""
    ready = [job_id for job_id in job_ids if job_id not in originals]
    await _ADD_JOBS.run(connection, [{"ids": listed(ready), "batch": batch.id}])
    pairs = [
        {"job": job_id, "batch": batch.id, "original": original}
        for job_id, original in originals.items()
    ]
    await _ADD_DUPLICATES.run(connection, pairs)
    duplicate = after(JobState.READY, JobEvent.DEDUPLICATED)
    changes.add(batch.id, "rows_loaded", len(job_ids))
    changes.add(batch.id, JobState.READY, len(job_ids) - len(originals))
    changes.add(batch.id, duplicate, len(originals))


async def _deduplicate_earlier(
    connection: AsyncConnection,
    batch: Batch,
    job_ids: range,
    firsts: Mapping[bytes, int],
    originals: Mapping[int, int],
    changes: Changes,
) -> dict[int, int]:
    """Make jobs that ask what a job of an earlier chunk asks its duplicates.

    A duplicate of such a job duplicates the earlier one, too. Returns whose duplicates they are.
    """
    # In the order of the index: a page of it is then written once for many of them.
    together = sorted(firsts.items())
    added = {
        "ids": listed([job_id for _, job_id in together]),
        "together": b"".join(each for each, _ in together),
    }
    await _ADD_FINGERPRINTS.run(connection, [added])
    found = await _EARLIER.fetch(
        connection,
        first=job_ids[0],
        last=job_ids[-1],
        batch_first=batch.first_job,
        chunk_first=job_ids[0],
    )
    earlier = {row.job_id: row.original for row in found}
    if not earlier:
        return {}
    moved = {job_id: earlier[own] for job_id, own in originals.items() if own in earlier}
    pairs = [{"job": job_id, "original": own} for job_id, own in {**earlier, **moved}.items()]
    await _BECOME_DUPLICATE.run(connection, pairs)
    await _FORGET_FINGERPRINTS.run(connection, [{"jobs": listed(sorted(earlier))}])
    duplicate = after(JobState.READY, JobEvent.DEDUPLICATED)
    changes.move(batch.id, JobState.READY, duplicate, len(earlier))
    return {**earlier, **moved}


async def answered_before(connection: AsyncConnection, asked: Sequence[bytes]) -> set[bytes]:
    """Return those of the fingerprints to which an answer is stored, in whichever batch."""
    known: set[bytes] = set()
    for start in range(0, len(asked), _MANY):
        some = asked[start : start + _MANY]
        among = bindparam("asked", expanding=True, type_=LargeBinary)
        query = (
            select(fingerprints.c.fingerprint)
            .join(result_rows, result_rows.c.job_id == fingerprints.c.job_id)
            .where(fingerprints.c.fingerprint.in_(among), result_rows.c.answer.is_not(None))
        )
        known.update((await connection.execute(query, {"asked": list(some)})).scalars())
    return known


async def has_answers_elsewhere(connection: AsyncConnection, batch: Batch) -> bool:
    """Whether any other batch has a result; it costs next to nothing."""
    own = {"first": batch.first_job, "last": batch.last_job}
    return bool((await _ANY_ELSEWHERE.fetch(connection, **own))[0].found)


async def reuse_answers(
    connection: AsyncConnection, batch: Batch, job_ids: Sequence[int], now: int, changes: Changes
) -> set[int]:
    """Give ready jobs the answers that other batches have to the same; returns which got one."""
    found = await _ANSWERED_ELSEWHERE.fetch(
        connection, first=batch.first_job, last=batch.last_job, jobs=listed(job_ids)
    )
    return await _copy_answers(connection, batch, found, now, changes)


async def adopt_answers(
    connection: AsyncConnection, batch: Batch, old: Batch, start: int, number: int, now: int
) -> Batch:
    """Give ready jobs the answers that `old` has to the same rows, whatever it asked of them.

    Rows are the same if they have the same number in their batches, and the same contents.

    Args:
        connection: Inside the transaction that has queued the jobs.
        batch: Whose jobs.
        old: The batch, or the same part of the batch, that has the answers.
        start: The number of the first of the jobs.
        number: How many there are.
        now: The present moment (ms since the epoch).
    """
    first, changes = batch.first_job + start, Changes()
    places = {
        f"{name}_{key}": value
        for name, one in (("new", batch), ("old", old))
        for key, value in (("first_row", one.first_row), ("step", one.row_step))
    }
    found = await _ANSWERED_TO_ROW.fetch(
        connection,
        **places,
        new_first_job=batch.first_job,
        old_first_job=old.first_job,
        old_rows=old.rows,
        first=first,
        last=first + number - 1,
    )
    await _copy_answers(connection, batch, found, now, changes)
    await changes.write(connection)
    return await batches.get_batch(connection, batch.id) or batch


async def _copy_answers(
    connection: AsyncConnection, batch: Batch, found: Sequence[Any], now: int, changes: Changes
) -> set[int]:
    """Give ready jobs (`job_id`) the answers to others (`source`); returns which got one."""
    if not found:
        return set()
    succeeded = after(JobState.READY, JobEvent.ANSWERED)
    copies = [{"job": row.job_id, "source": row.source, "now": now} for row in found]
    await _SUCCEED_READY.run(connection, [{"job": row.job_id} for row in found])
    await _COPY_RESULT.run(connection, copies)
    changes.move(batch.id, JobState.READY, succeeded, len(found))
    changes.add(batch.id, "reused", len(found))
    ended = {row.job_id for row in found}
    await results.end_duplicates(connection, sorted(ended), now, changes)
    return ended
