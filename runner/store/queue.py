"""The queue: jobs are claimed, and moved on; how they end is ends.py's.

Functions take a connection inside the caller's transaction, and return frozen values. A job
moves only by the transitions of core/model.py, and every move keeps the batch's counters exact:
no cost grows with the number of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Integer,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Candidate
from runner.core.retry import Tries
from runner.core.states import JobEvent, JobState, after
from runner.store import batches
from runner.store.batches import Batch
from runner.store.database import MalformedError
from runner.store.tables import asks, jobs, payloads

# The states as literals: a partial index serves only a query that names its condition.
_READY = jobs.c.state == literal_column("'ready'")
_WAITING = jobs.c.state == literal_column("'waiting'")
_RUNNING = jobs.c.state == literal_column("'running'")

# Statements of every call are built once: building them costs more than running them.
_JOBS = bindparam("jobs", expanding=True, type_=Integer)
_OF_BATCH = jobs.c.id.between(bindparam("first"), bindparam("last"))
_PAYLOAD_OF = bindparam("first_payload", type_=Integer) + (
    jobs.c.id - bindparam("first", type_=Integer)
) * bindparam("stride", type_=Integer)


def _candidates(*, halved: bool, sized: bool) -> Select[tuple[int, int, int]]:
    """Jobs that were never halved, or those that were, the least halved first."""
    # Both conditions fit the index of what is ready, whatever other batches have queued.
    which = jobs.c.splits > literal_column("0") if halved else jobs.c.splits == literal_column("0")
    size = func.length(payloads.c.body) if sized else literal(0)
    found = select(jobs.c.id, jobs.c.splits, size.label("size"))
    if sized:
        found = found.join(payloads, payloads.c.id == _PAYLOAD_OF)
    return (
        found.where(_READY, which, _OF_BATCH)
        .order_by(jobs.c.splits, jobs.c.id)
        .limit(bindparam("number"))
    )


_CANDIDATES = {
    (halved, sized): _candidates(halved=halved, sized=sized)
    for halved in (False, True)
    for sized in (False, True)
}
_CLAIM = (
    update(jobs)
    .where(jobs.c.id.in_(_JOBS), _READY)
    .values(
        state=after(JobState.READY, JobEvent.CLAIMED),
        claims=jobs.c.claims + 1,
        runner_id=bindparam("runner"),
    )
    .returning(jobs.c.id, jobs.c.claims, jobs.c.faults, jobs.c.asks, jobs.c.splits)
)
_PAYLOADS = select(payloads).where(payloads.c.id.in_(bindparam("ids", expanding=True)))
_ASKED = (
    select(asks.c.job_id, asks.c.reply, asks.c.why)
    .where(asks.c.job_id.in_(_JOBS))
    .order_by(asks.c.job_id, asks.c.number)
)
_NEXT_DUE = select(func.min(jobs.c.due_at_ms)).where(_WAITING)
_MOVE = (
    update(jobs)
    .where(
        jobs.c.id.in_(_JOBS),
        _RUNNING,
        jobs.c.runner_id == bindparam("runner"),
        jobs.c.claims == bindparam("claim"),
    )
    .values(
        state=bindparam("to"),
        runner_id=None,
        due_at_ms=bindparam("due"),
        claims=jobs.c.claims + bindparam("claimed"),
        faults=jobs.c.faults * bindparam("keep_faults") + bindparam("faulted"),
        asks=jobs.c.asks + bindparam("asked"),
        splits=jobs.c.splits + bindparam("halved"),
    )
    .returning(jobs.c.id)
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this runner has, with the row it is about.

    `asked` are the replies that were no answers, each with the reason, the oldest first.
    """

    job_id: int
    batch_id: int
    tries: Tries
    payload: str
    asked: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to a claimed job, and what is added to its tries; `faults` None forgets them."""

    event: JobEvent
    due: int | None = None
    claims: int = 0
    faults: int | None = 0
    asks: int = 0
    splits: int = 0


async def candidates(connection: AsyncConnection, batch: Batch, number: int) -> list[Candidate]:
    """Up to `number` ready jobs of `batch`: those never halved, then those that were.

    Each in the order of the input. Rows that spoilt a call come back together, behind the others:
    so the others' calls stay full, and so do theirs.
    """
    sized = batch.packing.budget is not None
    wanted = {
        "first": batch.first_job,
        "last": batch.last_job,
        "number": number,
        "first_payload": batch.first_payload,
        "stride": batch.stride,
    }
    found = (await connection.execute(_CANDIDATES[False, sized], wanted)).all()
    if len(found) < number:
        wanted["number"] = number - len(found)
        found = [*found, *(await connection.execute(_CANDIDATES[True, sized], wanted)).all()]
    return [Candidate(row.id, row.splits, row.size) for row in found]


async def claim(
    connection: AsyncConnection, batch: Batch, packs: Sequence[Sequence[Candidate]], runner_id: int
) -> list[tuple[Claimed, ...]]:
    """The jobs of `packs`, which are ready and from now on this runner's; a call for each pack."""
    wanted = [one.job_id for pack in packs for one in pack]
    moved = (await connection.execute(_CLAIM, {"jobs": wanted, "runner": runner_id})).all()
    await batches.count(connection, batch.id, JobState.READY, JobState.RUNNING, len(moved))
    await batches.count_calls(connection, batch, len(packs))
    bodies = await _payloads(connection, [batch.payload(row.id) for row in moved])
    if not len(wanted) == len(moved) == len(bodies):
        raise MalformedError("jobs are missing")
    asked = await _asked(connection, [row.id for row in moved if row.asks])
    claimed = {
        row.id: Claimed(
            row.id,
            batch.id,
            Tries(row.claims, row.faults, row.asks, row.splits),
            bodies[batch.payload(row.id)],
            asked.get(row.id, ()),
        )
        for row in moved
    }
    return [tuple(claimed[one.job_id] for one in pack) for pack in packs]


async def _payloads(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, str]:
    rows = await connection.execute(_PAYLOADS, {"ids": ids})
    return {row.id: row.body for row in rows}


async def _asked(
    connection: AsyncConnection, job_ids: Sequence[int]
) -> dict[int, tuple[tuple[str, str], ...]]:
    """The replies to these jobs that were no answers."""
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    if job_ids:
        for row in await connection.execute(_ASKED, {"jobs": job_ids}):
            found[row.job_id] = (*found.get(row.job_id, ()), (row.reply, row.why))
    return found


async def promote(connection: AsyncConnection, now: int) -> int:
    """Make waiting jobs ready whose due time has come; how many there were."""
    due = (_WAITING, jobs.c.due_at_ms <= now)
    state = after(JobState.WAITING, JobEvent.DUE)
    moved = await connection.execute(
        update(jobs).where(*due).values(state=state, due_at_ms=None).returning(jobs.c.batch_id)
    )
    return await batches.count_all(connection, moved.scalars(), JobState.WAITING, state)


async def next_due(connection: AsyncConnection) -> int | None:
    """When the first waiting job is due (ms since the epoch)."""
    found: int | None = await connection.scalar(_NEXT_DUE)
    return found


async def move(
    connection: AsyncConnection, claimed: Sequence[Claimed], runner_id: int, move: Move
) -> list[Claimed]:
    """Move jobs of one batch that this runner has claimed; those that still were this runner's.

    The claim number fences out a runner that was taken for dead: its late word changes nothing.
    """
    state = after(JobState.RUNNING, move.event)
    moved: set[int] = set()
    for number in sorted({job.tries.claims for job in claimed}):
        values = {
            "jobs": [job.job_id for job in claimed if job.tries.claims == number],
            "runner": runner_id,
            "claim": number,
            "to": state,
            "due": move.due,
            "claimed": move.claims,
            "keep_faults": int(move.faults is not None),
            "faulted": move.faults or 0,
            "asked": move.asks,
            "halved": move.splits,
        }
        moved.update((await connection.execute(_MOVE, values)).scalars())
    found = [job for job in claimed if job.job_id in moved]
    if found:
        await batches.count(connection, found[0].batch_id, JobState.RUNNING, state, len(found))
    return found


async def running_of(connection: AsyncConnection, runner_id: int) -> list[Claimed]:
    """The jobs a runner has, without their rows."""
    rows = await connection.execute(
        select(jobs).where(_RUNNING, jobs.c.runner_id == runner_id).order_by(jobs.c.id)
    )
    return [
        Claimed(
            row.id, row.batch_id, Tries(row.claims, row.faults, row.asks, row.splits), payload=""
        )
        for row in rows
    ]
