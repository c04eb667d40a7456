"""Queries on batches and their parts, each with its exact counts.

Functions take a connection inside the caller's transaction, and return frozen values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Row, and_, func, insert, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.demand import Rotate
from runner.core.packing import ALONE, Packing
from runner.core.states import BatchState, Counts
from runner.store.api_tables import api_batches
from runner.store.damage import as_enum, stored_json
from runner.store.statement import Statement
from runner.store.tables import batch_counts, batches

_COUNTS = [column for column in batch_counts.c if column.name != "batch_id"]
_CLIENT = (
    select(api_batches.c.client)
    .where(api_batches.c.batch_id == batches.c.id)
    .scalar_subquery()
    .label("client")
)
_whole = batch_counts.alias("whole")
_CALLS_COUNTED = (
    select(_whole.c.calls_made)
    .where(_whole.c.batch_id == func.coalesce(batches.c.part_of, batches.c.id))
    .scalar_subquery()
    .label("calls_counted")
)
_BATCHES = (
    select(batches, *_COUNTS, _CLIENT, _CALLS_COUNTED)
    .join(batch_counts, batch_counts.c.batch_id == batches.c.id)
    .where(batches.c.deleted_at_ms.is_(None))
)
_REAL = (batches.c.is_trial == 0, batches.c.part_of.is_(None), batches.c.deleted_at_ms.is_(None))
CHECK = "check"
"""The name of the part that asks a sample of the rows alone."""
AGAIN = "#"
"""Separates a digest from the number of a batch that was submitted afresh with the same digest."""
ASIDE = "~"
"""Stands behind a digest that was taken from a batch of an earlier release."""

_RUNNABLE = Statement(
    _BATCHES.where(
        batches.c.state.in_((literal_column("'active'"), literal_column("'loading'"))),
        batch_counts.c.ready
        + batch_counts.c.waiting
        + batch_counts.c.running
        + batch_counts.c.pending
        > literal_column("0"),
    ).order_by(batches.c.id)
)


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch before it has an id.

    A part names its batch (`part_of`), itself (`part`), and its rows: every `row_step`-th from
    `first_row` on. `job_path` is the path of the job file, and `selection` the expression that
    selected rows of the input; both are empty if there is none. `input_json` is the whole input:
    its files, how they are read, and the selection. Results are written to `output`, failed
    requests to `error_output`.
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
    reuse_answers: bool = False
    part_of: int | None = None
    part: str = ""
    first_row: int | None = None
    row_step: int = 1
    job_path: str = ""
    selection: str = ""
    input_json: str = ""
    output: str | None = None
    error_output: str | None = None
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """One job file applied to one input, or a part of it; tables.py describes the columns.

    `calls_made` includes the calls of its parts. `calls_counted` is the number of calls that
    `max_calls` limits, which a batch and its parts share. `client` is the client of the server that
    submitted it; None if none did.
    """

    id: int
    name: str
    digest: str
    state: BatchState
    pause_reason: str
    priority: int
    models: tuple[str, ...]
    rotate: Rotate
    max_calls: int | None
    job_json: str
    input: str
    columns_json: str
    first_job: int
    rows: int
    created_at: int
    counts: Counts
    rows_loaded: int = 0
    reused: int = 0
    calls_made: int = 0
    calls_counted: int = 0
    calls_rejected: int = 0
    reviews_made: int = 0
    packing: Packing = ALONE
    reuse_answers: bool = False
    part_of: int | None = None
    part: str = ""
    first_row: int = 1
    row_step: int = 1
    job_path: str = ""
    selection: str = ""
    input_json: str = ""
    output: str | None = None
    error_output: str | None = None
    is_trial: bool = False
    replaced_by: int | None = None
    client: str | None = None

    @property
    def calls_left(self) -> int | None:
        """The number of calls that the user still allows it; None for any number."""
        return None if self.max_calls is None else max(0, self.max_calls - self.calls_counted)

    @property
    def last_job(self) -> int:
        """The id of its last job."""
        return self.first_job + self.rows - 1

    @property
    def calls_needed(self) -> int:
        """The number of calls that it still needs, if each is full and every answer is valid."""
        return self.packing.calls(self.rows - self.rows_loaded + self.counts.to_ask)

    def row(self, job_id: int) -> int:
        """Returns the id of the row of one of its jobs."""
        return self.first_row + (job_id - self.first_job) * self.row_step

    @property
    def left(self) -> int:
        """The number of rows without an answer or a failure, with those not yet queued."""
        return self.rows - self.rows_loaded + self.counts.unfinished

    @property
    def over(self) -> bool:
        """Whether it needs no more calls, unless the user resumes or retries it."""
        return self.done or self.state is BatchState.CANCELLED

    @property
    def done(self) -> bool:
        """Whether every row has an answer or a failure."""
        return self.left == 0

    @property
    def is_unfinished(self) -> bool:
        """Whether it may run, and has rows left: a runner works on it once they are queued."""
        return self.state in (BatchState.ACTIVE, BatchState.LOADING) and not self.done


async def create_batch(connection: AsyncConnection, new: NewBatch, now: int) -> Batch:
    """Creates a batch in state `loading`, and allocates the ids of its jobs."""
    behind_last = select(batches.c.first_job + batches.c.rows).order_by(batches.c.id.desc())
    first = await connection.scalar(behind_last.limit(1)) or 1
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
        "first_row": new.first_row or first,
        "row_step": new.row_step,
        "part_of": new.part_of,
        "part": new.part,
        "reuse_answers": int(new.reuse_answers),
        **packing_values(new.packing),
        "created_at_ms": now,
        "job_path": new.job_path,
        "selection": new.selection,
        "input_json": new.input_json,
        "output": new.output,
        "error_output": new.error_output,
        "is_trial": int(new.is_trial),
    }
    batch_id = await connection.scalar(insert(batches).values(values).returning(batches.c.id))
    await connection.execute(insert(batch_counts).values(batch_id=batch_id))
    return _batch((await connection.execute(_BATCHES.where(batches.c.id == batch_id))).one())


async def find_batch(connection: AsyncConnection, digest: str) -> Batch | None:
    """Returns the newest batch of this job file and input; None if there is none."""
    again = batches.c.digest.startswith(f"{digest}{AGAIN}", autoescape=True)
    same = _BATCHES.where(or_(batches.c.digest == digest, again & batches.c.part_of.is_(None)))
    row = (await connection.execute(same.order_by(batches.c.id.desc()).limit(1))).first()
    return _batch(row) if row else None


async def inputs_of_job(connection: AsyncConnection, batch: Batch) -> list[tuple[int, str]]:
    """Returns the ids and the inputs of other batches with the same job file, newest first.

    Trials, parts, batches that were replaced, and those of an earlier release do not count.
    """
    if not batch.job_path:
        return []
    same = (
        batches.c.job_path == batch.job_path,
        batches.c.id != batch.id,
        batches.c.input_json != "",
        batches.c.replaced_by.is_(None),
    )
    query = select(batches.c.id, batches.c.input_json).where(*same, *_REAL)
    rows = await connection.execute(query.order_by(batches.c.id.desc()))
    return [(row.id, row.input_json) for row in rows]


async def without_source(
    connection: AsyncConnection, new: NewBatch, digest: str
) -> Sequence[Batch]:
    """Returns the batches of an earlier release that may be of the same input as `new`.

    They have the digest, or the same job file, first file and selection. Newest first.
    """
    digests = (digest, f"{digest}{ASIDE}")
    numbered = (batches.c.digest.startswith(f"{one}{AGAIN}", autoescape=True) for one in digests)
    same = and_(
        batches.c.job_path != "",
        batches.c.job_path == new.job_path,
        batches.c.input == new.input,
        batches.c.selection == new.selection,
    )
    alike = or_(batches.c.digest.in_(digests), *numbered, same)
    query = _BATCHES.where(batches.c.input_json == "", alike, *_REAL)
    rows = await connection.execute(query.order_by(batches.c.id.desc()))
    return [_batch(row) for row in rows]


async def get_batch(connection: AsyncConnection, batch_id: int) -> Batch | None:
    """Returns the batch with this id; None if there is none."""
    row = (await connection.execute(_BATCHES.where(batches.c.id == batch_id))).first()
    return _batch(row) if row else None


async def get_batches(connection: AsyncConnection, batch_ids: Iterable[int]) -> list[Batch]:
    """Returns the batches with these ids, oldest first."""
    own = batches.c.id.in_(sorted(batch_ids))
    return [
        _batch(row) for row in await connection.execute(_BATCHES.where(own).order_by(batches.c.id))
    ]


async def list_batches(connection: AsyncConnection) -> list[Batch]:
    """Returns every batch, oldest first."""
    return [_batch(row) for row in await connection.execute(_BATCHES.order_by(batches.c.id))]


async def runnable(connection: AsyncConnection) -> list[Batch]:
    """Returns the batches that may run and have jobs left, oldest first."""
    return [_batch(row) for row in await _RUNNABLE.fetch(connection)]


async def parts_of(connection: AsyncConnection, batch_id: int) -> list[Batch]:
    """Returns the batch with this id and its parts, the batch itself first."""
    own = or_(batches.c.id == batch_id, batches.c.part_of == batch_id)
    rows = await connection.execute(_BATCHES.where(own).order_by(batches.c.id))
    return [_batch(row) for row in rows]


def packing_values(packing: Packing) -> dict[str, object]:
    """Returns a packing as columns."""
    return {"max_rows_per_call": packing.most, "max_bytes_per_call": packing.budget}


def _batch(row: Row[tuple[object, ...]]) -> Batch:
    return Batch(
        id=row.id,
        name=row.name,
        digest=row.digest,
        state=as_enum(BatchState, row.state),
        pause_reason=row.pause_reason,
        priority=row.priority,
        models=tuple(stored_json(row.models_json)),
        rotate=as_enum(Rotate, row.rotate),
        max_calls=row.max_calls,
        job_json=row.job_json,
        input=row.input,
        columns_json=row.columns_json,
        first_job=row.first_job,
        rows=row.rows,
        created_at=row.created_at_ms,
        counts=Counts(
            ready=row.ready,
            waiting=row.waiting,
            running=row.running,
            succeeded=row.succeeded,
            failed=row.failed,
            pending=row.pending,
            duplicate=row.duplicate,
        ),
        rows_loaded=row.rows_loaded,
        reused=row.reused,
        calls_made=row.calls_made,
        calls_counted=row.calls_counted,
        calls_rejected=row.calls_rejected,
        reviews_made=row.reviews_made,
        packing=Packing(row.max_rows_per_call, row.max_bytes_per_call),
        reuse_answers=bool(row.reuse_answers),
        part_of=row.part_of,
        part=row.part,
        first_row=row.first_row,
        row_step=row.row_step,
        job_path=row.job_path,
        selection=row.selection,
        input_json=row.input_json,
        output=row.output,
        error_output=row.error_output,
        is_trial=bool(row.is_trial),
        replaced_by=row.replaced_by,
        client=row.client,
    )
