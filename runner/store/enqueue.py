"""Queues rows as jobs in the order of the input, with deduplication by fingerprints of requests.

A job with the same fingerprint as an earlier job of its batch is a duplicate of it. A job with the
same fingerprint as an answered job of another batch takes that answer, if its batch may reuse
answers. Functions take a connection inside the caller's transaction; the caller computes the
fingerprints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    Integer,
    LargeBinary,
    bindparam,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobEvent, JobState, after
from runner.store import batches, results, reuse
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.expressions import Elements, OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import fingerprints, jobs, rows

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
# `together` is the concatenation of all fingerprints, in the order of `ids`.
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
# Jobs of a chunk with the same request as an earlier job of the batch.
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


async def enqueue(
    connection: AsyncConnection,
    batch: Batch,
    start: int,
    bodies: Sequence[str],
    asked: Sequence[bytes] = (),
    now: int = 0,
) -> Batch:
    """Queues rows (JSON objects) as the jobs of `batch` from row number `start` on (0-based).

    `asked` are the fingerprints of the rows' requests; without them nothing is deduplicated.
    Returns the batch as it is then.
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
    """Queues `number` jobs of `batch` from number `start` on, whose rows are stored already.

    Raises:
        ValueError: The batch was created for fewer jobs, as the next ids belong to the next batch;
            or the length of a fingerprint is not `FINGERPRINT_BYTES`.
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
    """Adds a chunk of jobs, some of which may duplicate earlier ones."""
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
    if batch.reuse_answers and await reuse.has_answers_elsewhere(connection, batch):
        own = [job_id for job_id in firsts.values() if job_id not in originals]
        await reuse.reuse_answers(connection, own, now, changes)
    await results.end_duplicates(connection, sorted(set(originals.values())), now, changes)


async def _add(
    connection: AsyncConnection,
    batch: Batch,
    job_ids: range,
    originals: Mapping[int, int],
    changes: Changes,
) -> None:
    """Adds the jobs of a chunk; `originals` maps duplicates to the jobs that they duplicate."""
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
    """Makes jobs with the same request as a job of an earlier chunk its duplicates.

    Duplicates of such a job become duplicates of the earlier one. Returns the original by job.
    """
    # In the order of the index, so that each of its pages is written once.
    together = sorted(firsts.items())
    added = {
        "ids": listed([job_id for _, job_id in together]),
        "together": b"".join(each for each, _ in together),
    }
    await _ADD_FINGERPRINTS.run(connection, [added])
    duplicates = await _EARLIER.fetch(
        connection,
        first=job_ids[0],
        last=job_ids[-1],
        batch_first=batch.first_job,
        chunk_first=job_ids[0],
    )
    earlier = {row.job_id: row.original for row in duplicates}
    if not earlier:
        return {}
    moved = {job_id: earlier[own] for job_id, own in originals.items() if own in earlier}
    pairs = [{"job": job_id, "original": own} for job_id, own in {**earlier, **moved}.items()]
    await _BECOME_DUPLICATE.run(connection, pairs)
    await _FORGET_FINGERPRINTS.run(connection, [{"jobs": listed(sorted(earlier))}])
    duplicate = after(JobState.READY, JobEvent.DEDUPLICATED)
    changes.move(batch.id, JobState.READY, duplicate, len(earlier))
    return {**earlier, **moved}
