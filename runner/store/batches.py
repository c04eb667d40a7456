"""Batches and their parts: created, found, renamed, paused; each with its exact counters.

Functions take a connection inside the caller's transaction, and return frozen values; the jobs
of a batch are queue.py's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import orjson
from sqlalchemy import Row, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.admission import Rotate
from runner.core.packing import ALONE, Packing
from runner.core.states import TRANSITIONS, BatchState, Counts, JobState
from runner.store.tables import batches

_RUNNABLE = (
    select(batches)
    .where(
        batches.c.state.in_((BatchState.ACTIVE, BatchState.LOADING)),
        batches.c.ready + batches.c.waiting + batches.c.running + batches.c.pending > 0,
    )
    .order_by(batches.c.id)
)
_REJECTED = (
    update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(rejected=batches.c.rejected + bindparam("number"))
    .returning(batches)
)
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
_LOADED = (
    update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(
        loaded=batches.c.loaded + bindparam("number"), ready=batches.c.ready + bindparam("number")
    )
    .returning(batches)
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
class NewBatch:
    """What is known of a batch before it has an id.

    A part names the batch that it is a part of, which part it is, and the payloads it is about:
    every `stride`-th from `first_payload` on.
    """

    name: str
    digest: str
    models: tuple[str, ...]
    job_json: str
    input: str
    columns_json: str
    rows: int
    priority: int = 0
    rotate: Rotate = Rotate.PREFER
    max_calls: int | None = None
    packing: Packing = ALONE
    reuse: bool = False
    part_of: int | None = None
    part: str = ""
    first_payload: int | None = None
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """One job file applied to one input, or a part of it."""

    id: int
    name: str
    digest: str
    state: BatchState
    note: str
    priority: int
    models: tuple[str, ...]
    rotate: Rotate
    max_calls: int | None
    calls: int
    job_json: str
    input: str
    columns_json: str
    first_job: int
    rows: int
    loaded: int
    created_at: int
    counts: Counts
    packing: Packing = ALONE
    reuse: bool = False
    reused: int = 0
    part_of: int | None = None
    part: str = ""
    first_payload: int = 1
    stride: int = 1

    @property
    def calls_left(self) -> int | None:
        """How many more calls the user allows it; None: as many as it takes."""
        return None if self.max_calls is None else max(0, self.max_calls - self.calls)

    @property
    def last_job(self) -> int:
        """The id of its last job."""
        return self.first_job + self.rows - 1

    @property
    def calls_needed(self) -> int:
        """How many calls it still takes, if each is full and every answer is good."""
        return self.packing.calls(self.rows - self.loaded + self.counts.to_ask)

    def payload(self, job_id: int) -> int:
        """The payload that a job of it is about."""
        return self.first_payload + (job_id - self.first_job) * self.stride

    @property
    def left(self) -> int:
        """How many rows have neither a result nor a failure, those not yet queued included."""
        return self.rows - self.loaded + self.counts.unfinished

    @property
    def done(self) -> bool:
        """Whether every row has its result or its failure."""
        return self.left == 0


async def create_batch(connection: AsyncConnection, new: NewBatch, now: int) -> Batch:
    """A batch in state loading, with the ids of its jobs set aside."""
    first = await connection.scalar(select(func.max(batches.c.first_job + batches.c.rows))) or 1
    values = {
        "name": new.name,
        "digest": new.digest,
        "models_json": orjson.dumps(new.models).decode(),
        "rotate": new.rotate,
        "max_calls": new.max_calls,
        "job_json": new.job_json,
        "input": new.input,
        "columns_json": new.columns_json,
        "rows": new.rows,
        "priority": new.priority,
        "state": BatchState.LOADING,
        "first_job": first,
        "first_payload": new.first_payload or first,
        "stride": new.stride,
        "part_of": new.part_of,
        "part": new.part,
        "reuse": int(new.reuse),
        **_packing_values(new.packing),
        "created_at_ms": now,
    }
    inserted = await connection.execute(insert(batches).values(values).returning(batches))
    return batch_of(inserted.one())


async def find_batch(connection: AsyncConnection, digest: str) -> Batch | None:
    """The batch of this job file and input, if it was submitted before."""
    row = (await connection.execute(select(batches).where(batches.c.digest == digest))).first()
    return batch_of(row) if row else None


async def get_batch(connection: AsyncConnection, batch_id: int) -> Batch | None:
    """The batch with this id."""
    found = await connection.execute(select(batches).where(batches.c.id == batch_id))
    return next(iter(await _counted(connection, map(batch_of, found))), None)


async def list_batches(connection: AsyncConnection) -> list[Batch]:
    """Every batch, oldest first."""
    rows = await connection.execute(select(batches).order_by(batches.c.id))
    return [batch_of(row) for row in rows]


async def runnable(connection: AsyncConnection) -> list[Batch]:
    """The batches that may run and have jobs left, oldest first."""
    return await _counted(connection, map(batch_of, await connection.execute(_RUNNABLE)))


async def _counted(connection: AsyncConnection, found: Iterable[Batch]) -> list[Batch]:
    """Batches with the calls of the whole that they are parts of, where these are bounded."""
    every = list(found)
    bounded = {b.part_of for b in every if b.part_of is not None and b.max_calls is not None}
    if not bounded:
        return every
    wholes = select(batches.c.id, batches.c.calls).where(batches.c.id.in_(bounded))
    calls = {row.id: row.calls for row in await connection.execute(wholes)}
    return [replace(b, calls=calls[b.part_of]) if b.part_of in calls else b for b in every]


async def parts_of(connection: AsyncConnection, batch_id: int) -> list[Batch]:
    """The batch with this id and its parts, the batch itself first."""
    own = or_(batches.c.id == batch_id, batches.c.part_of == batch_id)
    rows = await connection.execute(select(batches).where(own).order_by(batches.c.id))
    return [batch_of(row) for row in rows]


async def set_job(connection: AsyncConnection, batch_id: int, new: NewBatch) -> None:
    """Give a batch a new name, new limits and a new priority; what it asks stays the same."""
    values = {
        "name": new.name,
        "job_json": new.job_json,
        "priority": new.priority,
        "rotate": new.rotate,
        "max_calls": new.max_calls,
        "reuse": int(new.reuse),
        **_packing_values(new.packing),
    }
    await connection.execute(update(batches).where(batches.c.id == batch_id).values(values))


def _packing_values(packing: Packing) -> dict[str, object]:
    return {"pack": packing.most, "pack_bytes": packing.budget}


async def set_batch_state(
    connection: AsyncConnection, batch_id: int, state: BatchState, note: str = ""
) -> None:
    """Activate, pause or cancel a batch; its jobs stay as they are."""
    await connection.execute(
        update(batches).where(batches.c.id == batch_id).values(state=state, note=note)
    )


async def rejected(connection: AsyncConnection, batch_id: int, number: int) -> tuple[Batch, int]:
    """Count calls that were rejected; the batch, and how many of its calls were in all."""
    values = {"batch": batch_id, "number": number}
    row = (await connection.execute(_REJECTED, values)).one()
    return batch_of(row), row.rejected


async def count(
    connection: AsyncConnection, batch_id: int, old: JobState, new: JobState, number: int
) -> None:
    """Keep a batch's counters exact: `number` of its jobs went from `old` to `new`."""
    if number:
        await connection.execute(_COUNT[old, new], {"batch": batch_id, "number": number})


async def count_all(
    connection: AsyncConnection, batch_ids: Iterable[int], old: JobState, new: JobState
) -> int:
    """As `count`, for jobs of several batches: one id for each job; how many they are."""
    numbers = Counter(batch_ids)
    for batch_id, number in sorted(numbers.items()):
        await count(connection, batch_id, old, new, number)
    return numbers.total()


async def count_loaded(connection: AsyncConnection, batch: Batch, number: int) -> Batch:
    """Count jobs that were queued, and are ready; the batch as it is then."""
    loaded = await connection.execute(_LOADED, {"batch": batch.id, "number": number})
    return batch_of(loaded.one())


async def count_calls(connection: AsyncConnection, batch: Batch, number: int) -> None:
    """Count calls that are about to be made; those of a part are calls of the whole, too."""
    called = {"batch": batch.id, "whole": batch.part_of, "number": number}
    await connection.execute(_CALLED, called)


async def count_reused(connection: AsyncConnection, batch_id: int, number: int) -> None:
    """Count jobs of a batch that took another one's answer."""
    if number:
        await connection.execute(_REUSED, {"batch": batch_id, "number": number})


def batch_of(row: Row[tuple[object, ...]]) -> Batch:
    """A row of the table as a value."""
    return Batch(
        id=row.id,
        name=row.name,
        digest=row.digest,
        state=BatchState(row.state),
        note=row.note,
        priority=row.priority,
        models=tuple(orjson.loads(row.models_json)),
        rotate=Rotate(row.rotate),
        max_calls=row.max_calls,
        calls=row.calls,
        job_json=row.job_json,
        input=row.input,
        columns_json=row.columns_json,
        first_job=row.first_job,
        rows=row.rows,
        loaded=row.loaded,
        created_at=row.created_at_ms,
        counts=Counts(
            row.ready,
            row.waiting,
            row.running,
            row.succeeded,
            row.failed,
            row.pending,
            row.following,
        ),
        packing=Packing(row.pack, row.pack_bytes),
        reuse=bool(row.reuse),
        reused=row.reused,
        part_of=row.part_of,
        part=row.part,
        first_payload=row.first_payload,
        stride=row.stride,
    )
