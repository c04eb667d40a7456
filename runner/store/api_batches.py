"""Queries on batches of the OpenAI Batch API, as its clients see them.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import ApiBatchState
from runner.store.api_files import Paging
from runner.store.api_tables import api_batches
from runner.store.batches import Batch, get_batch
from runner.store.damage import as_enum
from runner.store.tables import calls, results

_OPEN = (
    ApiBatchState.VALIDATING,
    ApiBatchState.IN_PROGRESS,
    ApiBatchState.FINALIZING,
    ApiBatchState.CANCELLING,
)


@dataclass(frozen=True, slots=True)
class ApiBatch:
    """One batch; its fields are the columns of the table. Moments are ms since the epoch."""

    id: str
    client: str
    state: ApiBatchState
    input_file_id: str
    endpoint: str
    completion_window: str
    created_at: int
    batch_id: int | None = None
    metadata_json: str | None = None
    idempotency_key: str | None = None
    output_expires_s: int | None = None
    model: str | None = None
    errors_json: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int = 0
    failed: int = 0
    total: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether work on it is left."""
        return self.state in _OPEN


async def add(connection: AsyncConnection, new: ApiBatch) -> ApiBatch:
    """Stores a batch, or returns the one that was made with the same idempotency key."""
    if new.idempotency_key is not None:
        query = select(api_batches).where(
            api_batches.c.client == new.client,
            api_batches.c.idempotency_key == new.idempotency_key,
        )
        if (row := (await connection.execute(query)).first()) is not None:
            return _batch(row)
    values = {
        "id": new.id,
        "client": new.client,
        "state": new.state,
        "input_file_id": new.input_file_id,
        "endpoint": new.endpoint,
        "completion_window": new.completion_window,
        "metadata_json": new.metadata_json,
        "idempotency_key": new.idempotency_key,
        "output_expires_s": new.output_expires_s,
        "created_at_ms": new.created_at,
    }
    await connection.execute(insert(api_batches).values(values))
    return new


async def change(
    connection: AsyncConnection, api_id: str, before: ApiBatchState | None = None, **values: Any
) -> bool:
    """Sets columns of a batch, if its state is `before` (None: any); whether it did."""
    query = update(api_batches).where(api_batches.c.id == api_id)
    if before is not None:
        query = query.where(api_batches.c.state == before)
    return (await connection.execute(query.values(values))).rowcount > 0


async def enter(
    connection: AsyncConnection, entry: ApiBatch, state: ApiBatchState, now: int, **values: Any
) -> bool:
    """Has a batch enter `state` at `now`, unless it has left its own since; whether it did."""
    return await change(
        connection, entry.id, entry.state, state=state, **{f"{state}_at_ms": now}, **values
    )


async def get(connection: AsyncConnection, batch_id: str, client: str) -> ApiBatch | None:
    """Returns this client's batch with this id; None if it has none."""
    query = select(api_batches).where(api_batches.c.id == batch_id, api_batches.c.client == client)
    row = (await connection.execute(query)).first()
    return _batch(row) if row else None


async def queued_as(connection: AsyncConnection, entry: ApiBatch) -> Batch | None:
    """Returns its batch in the queue; None if it is not queued yet, or was deleted there."""
    return None if entry.batch_id is None else await get_batch(connection, entry.batch_id)


async def page(connection: AsyncConnection, client: str, paging: Paging) -> list[ApiBatch]:
    """Returns a client's batches, with one extra if there are more than the limit."""
    number, own = api_batches.c.number, api_batches.c.client == client
    query = select(api_batches).where(own)
    if paging.after is not None:
        behind = select(number).where(own, api_batches.c.id == paging.after).scalar_subquery()
        query = query.where(number < behind if paging.newest_first else number > behind)
    query = query.order_by(number.desc() if paging.newest_first else number)
    rows = await connection.execute(query.limit(paging.limit + 1))
    return [_batch(row) for row in rows]


async def still_open(connection: AsyncConnection) -> list[ApiBatch]:
    """Returns the open batches of all clients, oldest first."""
    # As literals: SQLite uses the partial index only if the query repeats its condition.
    states: list[Any] = [literal_column(f"'{state}'") for state in _OPEN]
    query = select(api_batches).where(api_batches.c.state.in_(states))
    query = query.order_by(api_batches.c.number)
    return [_batch(row) for row in await connection.execute(query)]


async def uses(connection: AsyncConnection, file_id: str) -> bool:
    """Whether a batch that is not queued yet needs this file."""
    query = select(api_batches.c.id).where(
        api_batches.c.input_file_id == file_id,
        api_batches.c.state == ApiBatchState.VALIDATING,
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def tokens(connection: AsyncConnection, batch: Batch) -> tuple[int, int]:
    """Returns the provider's counts of tokens of a batch's answers: of prompts, of completions."""
    own = select(results.c.call_id).where(results.c.job_id.between(batch.first_job, batch.last_job))
    query = select(
        func.coalesce(func.sum(calls.c.prompt_tokens), 0),
        func.coalesce(func.sum(calls.c.completion_tokens), 0),
    ).where(calls.c.id.in_(own))
    row = (await connection.execute(query)).one()
    return int(row[0]), int(row[1])


def _batch(row: Row[Any]) -> ApiBatch:
    return ApiBatch(
        id=row.id,
        client=row.client,
        state=as_enum(ApiBatchState, row.state),
        input_file_id=row.input_file_id,
        endpoint=row.endpoint,
        completion_window=row.completion_window,
        created_at=row.created_at_ms,
        batch_id=row.batch_id,
        metadata_json=row.metadata_json,
        idempotency_key=row.idempotency_key,
        output_expires_s=row.output_expires_s,
        model=row.model,
        errors_json=row.errors_json,
        output_file_id=row.output_file_id,
        error_file_id=row.error_file_id,
        completed=row.completed,
        failed=row.failed,
        total=row.total,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        in_progress_at=row.in_progress_at_ms,
        finalizing_at=row.finalizing_at_ms,
        completed_at=row.completed_at_ms,
        failed_at=row.failed_at_ms,
        cancelling_at=row.cancelling_at_ms,
        cancelled_at=row.cancelled_at_ms,
    )
