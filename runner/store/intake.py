"""Rows become jobs: queued in the order of the input, and asked no more often than they must be.

A job that asks the same as an earlier one of its batch follows it; one that asks what another
batch has had answered takes that answer, if its batch may reuse answers. Functions take a
connection inside the caller's transaction; what a fingerprint is made of is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobEvent, JobState, after
from runner.store import batches, ends
from runner.store.batches import Batch
from runner.store.tables import jobs, payloads, requests, results

_FIRST, _LAST, _FIRST_PAYLOAD, _STRIDE = (
    bindparam(name, type_=Integer) for name in ("first", "last", "first_payload", "stride")
)
_ADD_JOBS = insert(jobs).from_select(
    ["id", "batch_id", "state"],
    select(
        bindparam("first_job", type_=Integer) + (payloads.c.id - _FIRST_PAYLOAD) // _STRIDE,
        bindparam("batch", type_=Integer),
        literal_column("'ready'"),
    ).where(
        payloads.c.id.between(bindparam("first"), bindparam("last")),
        (payloads.c.id - _FIRST_PAYLOAD) % _STRIDE == 0,
    ),
)
_its, _other = requests.alias("its"), requests.alias("other")
_SAME = _other.c.fingerprint == _its.c.fingerprint
# Jobs of a chunk that ask what an earlier job of the batch asks.
_TWINS = (
    select(_its.c.job_id, _other.c.job_id.label("leader"))
    .join(_other, _SAME)
    .where(
        _its.c.job_id.between(_FIRST, _LAST),
        _other.c.job_id >= bindparam("batch_first"),
        _other.c.job_id < _FIRST,
    )
)
_LEAD = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(state=after(JobState.READY, JobEvent.DEDUPLICATED), duplicate_of=bindparam("leader"))
)
_UNASK = delete(requests).where(requests.c.job_id == bindparam("job"))
# Jobs that ask what another batch has had answered, and the first that it was answered to.
_ANSWERED_ELSEWHERE = (
    select(_its.c.job_id, func.min(_other.c.job_id).label("source"))
    .join(_other, _SAME)
    .join(results, results.c.job_id == _other.c.job_id)
    .where(
        _its.c.job_id.in_(bindparam("jobs", expanding=True)),
        ~_other.c.job_id.between(_FIRST, _LAST),
        results.c.answer.is_not(None),
    )
    .group_by(_its.c.job_id)
)
_ANSWERED_BEFORE = (
    select(requests.c.fingerprint)
    .join(results, results.c.job_id == requests.c.job_id)
    .where(
        requests.c.fingerprint.in_(bindparam("fingerprints", expanding=True)),
        results.c.answer.is_not(None),
    )
)
_ENDED_LEADERS = select(jobs.c.id).where(
    jobs.c.id.in_(bindparam("jobs", expanding=True)),
    jobs.c.state.in_((JobState.SUCCEEDED, JobState.FAILED)),
)


async def enqueue(
    connection: AsyncConnection,
    batch: Batch,
    start: int,
    rows: Sequence[str],
    fingerprints: Sequence[bytes] = (),
    now: int = 0,
) -> Batch:
    """Queue `rows` (JSON objects) as the jobs of `batch` from row number `start` on (0-based).

    `fingerprints` tell, row by row, what each asks; without them none is the same as another.
    Returns the batch as it is then.
    """
    if not rows:
        return batch
    first = batch.first_job + start
    await connection.exec_driver_sql(
        "INSERT INTO payloads (id, body) VALUES (?, ?)", list(enumerate(rows, first))
    )
    return await add_jobs(connection, batch, start, len(rows), fingerprints, now)


async def add_jobs(
    connection: AsyncConnection,
    batch: Batch,
    start: int,
    number: int,
    fingerprints: Sequence[bytes] = (),
    now: int = 0,
) -> Batch:
    """Queue `number` jobs of `batch` from number `start` on; their payloads are there already."""
    first = batch.first_job + start
    last = first + number - 1
    place = {"first_payload": batch.first_payload, "first_job": batch.first_job}
    span = {"first": batch.payload(first), "last": batch.payload(last), "stride": batch.stride}
    await connection.execute(_ADD_JOBS, place | span | {"batch": batch.id})
    batch = await batches.count_loaded(connection, batch, number)
    if not fingerprints:
        return batch
    asked = dict(zip(range(first, last + 1), fingerprints, strict=True))
    leaders = await _lead(connection, batch, asked)
    if batch.reuse:
        own = [job for job in range(first, last + 1) if job not in leaders]
        await reuse_answers(connection, batch, own, now)
    await _catch_up(connection, batch, leaders, now)
    return await batches.get_batch(connection, batch.id) or batch


async def _lead(
    connection: AsyncConnection, batch: Batch, asked: dict[int, bytes]
) -> dict[int, int]:
    """Let each job that asks what an earlier one of the batch asks follow it; who follows whom."""
    firsts: dict[bytes, int] = {}
    for job, fingerprint in asked.items():
        firsts.setdefault(fingerprint, job)
    # In the order of the index: a page of it is then written once for many of them.
    await connection.exec_driver_sql(
        "INSERT INTO requests (fingerprint, job_id) VALUES (?, ?)", sorted(firsts.items())
    )
    place = {"first": min(asked), "last": max(asked), "batch_first": batch.first_job}
    earlier = {row.job_id: row.leader for row in await connection.execute(_TWINS, place)}
    if earlier:
        await connection.execute(_UNASK, [{"job": job} for job in earlier])
    leaders = {
        job: earlier.get(first, first)
        for job, fingerprint in asked.items()
        if (first := firsts[fingerprint]) != job or job in earlier
    }
    if leaders:
        pairs = [{"job": job, "leader": leader} for job, leader in leaders.items()]
        await connection.execute(_LEAD, pairs)
        following = after(JobState.READY, JobEvent.DEDUPLICATED)
        await batches.count(connection, batch.id, JobState.READY, following, len(leaders))
    return leaders


async def _catch_up(
    connection: AsyncConnection, batch: Batch, leaders: dict[int, int], now: int
) -> None:
    """End the jobs whose leaders have ended already."""
    known = await connection.execute(_ENDED_LEADERS, {"jobs": sorted(set(leaders.values()))})
    await ends.follow(connection, batch.id, list(known.scalars()), now)


async def answered_before(connection: AsyncConnection, fingerprints: Sequence[bytes]) -> set[bytes]:
    """Those of what is to be asked that have been answered, in whichever batch."""
    found = await connection.execute(_ANSWERED_BEFORE, {"fingerprints": list(fingerprints)})
    return set(found.scalars())


async def reuse_answers(
    connection: AsyncConnection, batch: Batch, job_ids: Sequence[int], now: int
) -> set[int]:
    """Give jobs that are ready the answers that other batches had to the same; which had one."""
    span = {"first": batch.first_job, "last": batch.last_job, "jobs": list(job_ids)}
    found = (await connection.execute(_ANSWERED_ELSEWHERE, span)).all()
    sources = {row.job_id: row.source for row in found}
    ended = await ends.answered(connection, batch.id, list(sources))
    await ends.copy_results(connection, {job: sources[job] for job in ended}, now)
    await batches.count_reused(connection, batch.id, len(ended))
    await ends.follow(connection, batch.id, ended, now)
    return set(ended)
