"""Rows become jobs: queued in the order of the input, and asked no more often than they must be.

A job that asks the same as an earlier one of its batch is a duplicate of it; one that asks what
another batch has had answered takes that answer, if its batch may reuse answers. Functions take a
connection inside the caller's transaction; what a fingerprint is made of is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    Integer,
    LargeBinary,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
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

_ADD_ROWS = Statement(insert(rows).values(id=bindparam("id"), body=bindparam("body")))
_ADD_JOBS = Statement(
    insert(jobs).values(
        id=bindparam("id"),
        batch_id=bindparam("batch_id"),
        state=bindparam("state"),
        duplicate_of=bindparam("duplicate_of"),
    )
)
_ADD_FINGERPRINTS = Statement(
    insert(fingerprints).values(fingerprint=bindparam("fingerprint"), job_id=bindparam("job_id"))
)
_its, _other = fingerprints.alias("its"), fingerprints.alias("other")
_SAME = _other.c.fingerprint == _its.c.fingerprint
_FIRST, _LAST = (bindparam(name, type_=Integer) for name in ("first", "last"))
# Jobs of a chunk that ask what an earlier job of the batch asks.
_EARLIER = Statement(
    select(_its.c.job_id, func.min(_other.c.job_id).label("leader"))
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
    .values(state=literal_column("'duplicate'"), duplicate_of=bindparam("leader"))
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
    added = [{"id": number, "body": body} for number, body in enumerate(bodies, first)]
    await _ADD_ROWS.run(connection, added)
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
        ValueError: It was made for fewer: the numbers behind are those of the next batch.
    """
    if start + number > batch.rows:
        raise ValueError(f"batch {batch.id} takes {batch.rows} rows, not {start + number}")
    first = batch.first_job + start
    job_ids = range(first, first + number)
    firsts: dict[bytes, int] = {}
    for job, fingerprint in zip(job_ids, asked, strict=bool(asked)):
        firsts.setdefault(fingerprint, job)
    leaders = dict(zip(job_ids, map(firsts.__getitem__, asked), strict=bool(asked)))
    leaders = {job: leader for job, leader in leaders.items() if job != leader}
    changes = Changes()
    await _add(connection, batch, job_ids, leaders, changes)
    if asked:
        leaders |= await _behind_earlier(connection, batch, job_ids, firsts, leaders, changes)
        if batch.reuse_answers:
            own = [job for job in firsts.values() if job not in leaders]
            await reuse_answers(connection, batch, own, now, changes)
        await results.end_duplicates(connection, sorted(set(leaders.values())), now, changes)
    await changes.write(connection)
    return await batches.get_batch(connection, batch.id) or batch


async def _add(
    connection: AsyncConnection,
    batch: Batch,
    job_ids: range,
    leaders: dict[int, int],
    changes: Changes,
) -> None:
    """Add the jobs of a chunk; those that ask what an earlier one of it asks as its duplicates."""
    duplicate = after(JobState.READY, JobEvent.DEDUPLICATED)
    await _ADD_JOBS.run(
        connection,
        [
            {
                "id": job,
                "batch_id": batch.id,
                "state": duplicate if job in leaders else JobState.READY,
                "duplicate_of": leaders.get(job),
            }
            for job in job_ids
        ],
    )
    changes.add(batch.id, "rows_loaded", len(job_ids))
    changes.add(batch.id, JobState.READY, len(job_ids) - len(leaders))
    changes.add(batch.id, duplicate, len(leaders))


async def _behind_earlier(
    connection: AsyncConnection,
    batch: Batch,
    job_ids: range,
    firsts: dict[bytes, int],
    leaders: dict[int, int],
    changes: Changes,
) -> dict[int, int]:
    """Let the jobs that ask what an earlier chunk's job asks follow that one; who follows whom.

    The jobs of this chunk that duplicate such a job follow the same one.
    """
    # In the order of the index: a page of it is then written once for many of them.
    added = [{"fingerprint": each, "job_id": job} for each, job in sorted(firsts.items())]
    await _ADD_FINGERPRINTS.run(connection, added)
    first = job_ids[0]
    found = await _EARLIER.fetch(
        connection,
        first=first,
        last=job_ids[-1],
        batch_first=batch.first_job,
        chunk_first=first,
    )
    earlier = {row.job_id: row.leader for row in found}
    if not earlier:
        return {}
    moved = {job: earlier[lead] for job, lead in leaders.items() if lead in earlier}
    pairs = [{"job": job, "leader": lead} for job, lead in {**earlier, **moved}.items()]
    await _BECOME_DUPLICATE.run(connection, pairs)
    await _FORGET_FINGERPRINTS.run(connection, [{"jobs": listed(sorted(earlier))}])
    changes.move(
        batch.id,
        JobState.READY,
        after(JobState.READY, JobEvent.DEDUPLICATED),
        len(earlier),
    )
    return {**earlier, **moved}


async def answered_before(connection: AsyncConnection, asked: Sequence[bytes]) -> set[bytes]:
    """Those of the fingerprints of which an answer is stored, in whichever batch."""
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


async def reuse_answers(
    connection: AsyncConnection, batch: Batch, job_ids: Sequence[int], now: int, changes: Changes
) -> set[int]:
    """Give ready jobs the answers that other batches had to the same; which jobs got one."""
    found = await _ANSWERED_ELSEWHERE.fetch(
        connection, first=batch.first_job, last=batch.last_job, jobs=listed(job_ids)
    )
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
