"""The queue: jobs are claimed, moved on, answered, followed.

Functions take a connection inside the caller's transaction, and return frozen values. A job
moves only by the transitions of core/model.py, and every move keeps the batch's counters exact:
no cost grows with the number of jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import (
    Integer,
    Select,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_unless
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.model import TRANSITIONS, JobEvent, JobState, after
from runner.core.packing import Candidate
from runner.core.retry import Tries
from runner.store.batches import Batch
from runner.store.database import MalformedError
from runner.store.tables import asks, batches, calls, jobs, payloads, results

# The states as literals: a partial index serves only a query that names its condition.
_READY = jobs.c.state == literal_column("'ready'")
_WAITING = jobs.c.state == literal_column("'waiting'")
_RUNNING = jobs.c.state == literal_column("'running'")
_FAILED = jobs.c.state == literal_column("'failed'")

# How a leader ended, and what happens to those who follow it.
_ENDS = {JobState.SUCCEEDED: JobEvent.ANSWERED, JobState.FAILED: JobEvent.GAVE_UP}
_MANY = 1_000  # values in one statement

# Statements of every call are built once: building them costs more than running them.
_JOBS = bindparam("jobs", expanding=True, type_=Integer)
_OF_BATCH = jobs.c.id.between(bindparam("first"), bindparam("last"))
_PAYLOAD_OF = bindparam("first_payload", type_=Integer) + (
    jobs.c.id - bindparam("first", type_=Integer)
) * bindparam("stride", type_=Integer)


def _candidates(*, halved: bool, sized: bool) -> Select[tuple[int, int, int]]:
    """Jobs that were never halved, or those that were, the least halved first."""
    # Both conditions fit the index of what is ready, whatever other batches have queued.
    which = (
        jobs.c.halvings > literal_column("0") if halved else jobs.c.halvings == literal_column("0")
    )
    size = func.length(payloads.c.body) if sized else literal(0)
    found = select(jobs.c.id, jobs.c.halvings, size.label("size"))
    if sized:
        found = found.join(payloads, payloads.c.id == _PAYLOAD_OF)
    return (
        found.where(_READY, which, _OF_BATCH)
        .order_by(jobs.c.halvings, jobs.c.id)
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
    .returning(jobs.c.id, jobs.c.claims, jobs.c.faults, jobs.c.asks, jobs.c.halvings)
)
_PAYLOADS = select(payloads).where(payloads.c.id.in_(bindparam("ids", expanding=True)))
_ASKED = (
    select(asks.c.job_id, asks.c.reply, asks.c.why)
    .where(asks.c.job_id.in_(_JOBS))
    .order_by(asks.c.job_id, asks.c.number)
)
_NEXT_DUE = select(func.min(jobs.c.due_at_ms)).where(_WAITING)
_STATES = select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(_JOBS)).order_by(jobs.c.id)
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
        halvings=jobs.c.halvings + bindparam("halved"),
    )
    .returning(jobs.c.id)
)
_END = (
    update(jobs)
    .where(jobs.c.id.in_(_JOBS))
    .values(state=bindparam("to"), runner_id=None, due_at_ms=None)
)
_FORGET = delete(results).where(results.c.job_id.in_(_JOBS), results.c.answer.is_(None))
# The calls that brought these failures have brought nothing to an end, after all.
_ENDED_BY = (
    select(results.c.call_id, func.count().label("number"))
    .where(results.c.job_id.in_(_JOBS), results.c.answer.is_(None), results.c.reused == 0)
    .where(results.c.call_id.is_not(None))
    .group_by(results.c.call_id)
)
_UNEND = (
    update(calls)
    .where(calls.c.id == bindparam("call"))
    .values(rows=calls.c.rows - bindparam("number"))
)
_RECORD_ASK = insert_unless(asks).on_conflict_do_nothing(index_elements=["job_id", "number"])
_RECORD = insert_unless(results).on_conflict_do_nothing(index_elements=["job_id"])
_FOLLOWERS = (
    select(jobs.c.id, jobs.c.leader_id, jobs.c.state)
    .where(jobs.c.leader_id.in_(_JOBS))
    .where(jobs.c.state.in_((JobState.FOLLOWING, JobState.FAILED)))
)
_SOURCES = select(results).where(results.c.job_id.in_(_JOBS))
# The calls of a part are calls of the whole, too.
_CALLED = (
    update(batches)
    .where(batches.c.id.in_((bindparam("batch"), bindparam("whole"))))
    .values(calls=batches.c.calls + bindparam("number"))
)
_REUSED = (
    update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(reused=batches.c.reused + bindparam("number"))
)

_COUNT = {
    (old, new): update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(
        {
            batches.c[old.value]: batches.c[old.value] - bindparam("number"),
            batches.c[new.value]: batches.c[new.value] + bindparam("number"),
        }
    )
    for old, new in {(old, new) for (old, _event), new in TRANSITIONS.items()}
}


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
    halvings: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """How a job ended: with an answer, or with an error; `reply` is what the model said."""

    job_id: int
    call_id: int | None
    answer: str | None = None
    reply: str | None = None
    error: str | None = None


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
    return [Candidate(row.id, row.halvings, row.size) for row in found]


async def claim(
    connection: AsyncConnection, batch: Batch, packs: Sequence[Sequence[Candidate]], runner_id: int
) -> list[tuple[Claimed, ...]]:
    """The jobs of `packs`, which are ready and from now on this runner's; a call for each pack."""
    wanted = [one.job_id for pack in packs for one in pack]
    moved = (await connection.execute(_CLAIM, {"jobs": wanted, "runner": runner_id})).all()
    await count(connection, batch.id, JobState.READY, JobState.RUNNING, len(moved))
    await connection.execute(
        _CALLED, {"batch": batch.id, "whole": batch.part_of, "number": len(packs)}
    )
    bodies = await _payloads(connection, [batch.payload(row.id) for row in moved])
    if not len(wanted) == len(moved) == len(bodies):
        raise MalformedError("jobs are missing")
    asked = await _asked(connection, [row.id for row in moved if row.asks])
    claimed = {
        row.id: Claimed(
            row.id,
            batch.id,
            Tries(row.claims, row.faults, row.asks, row.halvings),
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
    return await _count_all(connection, moved.scalars(), JobState.WAITING, state)


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
            "halved": move.halvings,
        }
        moved.update((await connection.execute(_MOVE, values)).scalars())
    found = [job for job in claimed if job.job_id in moved]
    if found:
        await count(connection, found[0].batch_id, JobState.RUNNING, state, len(found))
    return found


async def answered(connection: AsyncConnection, batch_id: int, job_ids: Sequence[int]) -> list[int]:
    """Mark jobs as succeeded, whoever has them now; those that were not before."""
    states = await _states(connection, job_ids)
    ended = [job for job, state in states.items() if state is not JobState.SUCCEEDED]
    if failed := [job for job in ended if states[job] is JobState.FAILED]:
        await _forget_failures(connection, failed)
    await _end(connection, batch_id, {job: states[job] for job in ended}, JobEvent.ANSWERED)
    return ended


async def _states(connection: AsyncConnection, job_ids: Sequence[int]) -> dict[int, JobState]:
    if not job_ids:
        return {}
    rows = await connection.execute(_STATES, {"jobs": list(job_ids)})
    return {row.id: JobState(row.state) for row in rows}


async def _end(
    connection: AsyncConnection, batch_id: int, states: Mapping[int, JobState], event: JobEvent
) -> None:
    """Bring jobs to the end that `event` is, from the `states` they are in."""
    for old in sorted(set(states.values())):
        ended = [job for job, state in states.items() if state is old]
        new = after(old, event)
        await connection.execute(_END, {"jobs": ended, "to": new})
        await count(connection, batch_id, old, new, len(ended))


async def record(connection: AsyncConnection, found: Sequence[Result], now: int) -> None:
    """Record the one result of each job; a second one changes nothing."""
    if found:
        values = [asdict(one) | {"reused": 0, "recorded_at_ms": now} for one in found]
        await connection.execute(_RECORD, values)


async def record_asks(
    connection: AsyncConnection, call_id: int, told: Sequence[tuple[Claimed, str, str]]
) -> None:
    """Keep replies that were no answers: (job, what the model said, why it is none)."""
    values = [
        {
            "job_id": job.job_id,
            "number": job.tries.asks + 1,
            "call_id": call_id,
            "reply": reply,
            "why": why,
        }
        for job, reply, why in told
    ]
    if values:
        await connection.execute(_RECORD_ASK, values)


async def follow(
    connection: AsyncConnection, batch_id: int, leaders: Sequence[int], now: int
) -> None:
    """End the jobs that follow these, as these have ended."""
    if not leaders:
        return
    found = (await connection.execute(_FOLLOWERS, {"jobs": list(leaders)})).all()
    if not found:
        return
    ends = await _states(connection, sorted({row.leader_id for row in found}))
    for end, event in _ENDS.items():
        mine = [row for row in found if ends[row.leader_id] is end and row.state != end]
        states = {row.id: JobState(row.state) for row in mine}
        if failed := [job for job, state in states.items() if state is JobState.FAILED]:
            await _forget_failures(connection, failed)
        await _end(connection, batch_id, states, event)
        await copy_results(connection, {row.id: row.leader_id for row in mine}, now)
        if event is JobEvent.ANSWERED:
            await count_reused(connection, batch_id, len(mine))


async def copy_results(connection: AsyncConnection, sources: Mapping[int, int], now: int) -> None:
    """Give each job the result of another: `sources` says whose."""
    if not sources:
        return
    rows = await connection.execute(_SOURCES, {"jobs": sorted(set(sources.values()))})
    known = {row.job_id: dict(row._mapping) for row in rows}  # noqa: SLF001 - public, in spite of it
    values = [
        known[source] | {"job_id": job, "reused": 1, "recorded_at_ms": now}
        for job, source in sources.items()
    ]
    await connection.execute(_RECORD, values)


async def count_reused(connection: AsyncConnection, batch_id: int, number: int) -> None:
    """Count jobs of a batch that took another one's answer."""
    if number:
        await connection.execute(_REUSED, {"batch": batch_id, "number": number})


async def _forget_failures(connection: AsyncConnection, job_ids: Sequence[int]) -> None:
    ended_by = (await connection.execute(_ENDED_BY, {"jobs": list(job_ids)})).all()
    if ended_by:
        taken = [{"call": row.call_id, "number": row.number} for row in ended_by]
        await connection.execute(_UNEND, taken)
    await connection.execute(_FORGET, {"jobs": list(job_ids)})


async def retry_failed(connection: AsyncConnection, batch: Batch) -> int:
    """Queue the failed jobs of `batch` again, as if never tried; how many there were."""
    own = jobs.c.id.between(batch.first_job, batch.last_job)
    failed = select(jobs.c.id, jobs.c.leader_id).where(_FAILED, own).order_by(jobs.c.id)
    again = (await connection.execute(failed)).all()
    for start in range(0, len(again), _MANY):
        some = again[start : start + _MANY]
        await _forget_failures(connection, [row.id for row in some])
        await connection.execute(delete(asks).where(asks.c.job_id.in_([row.id for row in some])))
    for leads, event in ((True, JobEvent.RETRIED), (False, JobEvent.JOINED)):
        state = after(JobState.FAILED, event)
        of_kind = jobs.c.leader_id.is_(None) if leads else jobs.c.leader_id.is_not(None)
        moved = await connection.execute(
            update(jobs)
            .where(_FAILED, own, of_kind)
            .values(state=state, claims=0, faults=0, asks=0, halvings=0)
            .returning(jobs.c.batch_id)
        )
        await _count_all(connection, moved.scalars(), JobState.FAILED, state)
    return len(again)


async def running_of(connection: AsyncConnection, runner_id: int) -> list[Claimed]:
    """The jobs a runner has, without their rows."""
    rows = await connection.execute(
        select(jobs).where(_RUNNING, jobs.c.runner_id == runner_id).order_by(jobs.c.id)
    )
    return [
        Claimed(
            row.id, row.batch_id, Tries(row.claims, row.faults, row.asks, row.halvings), payload=""
        )
        for row in rows
    ]


async def count(
    connection: AsyncConnection, batch_id: int, old: JobState, new: JobState, number: int
) -> None:
    """Keep a batch's counters exact: `number` of its jobs went from `old` to `new`."""
    if number:
        await connection.execute(_COUNT[old, new], {"batch": batch_id, "number": number})


async def _count_all(
    connection: AsyncConnection, batch_ids: Iterable[int], old: JobState, new: JobState
) -> int:
    numbers = Counter(batch_ids)
    for batch_id, number in sorted(numbers.items()):
        await count(connection, batch_id, old, new, number)
    return numbers.total()
