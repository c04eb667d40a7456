"""Changes of a batch: its state, its output, its name and its limits.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import BatchState
from runner.store.batches import Batch, NewBatch, packing_values, parts_of
from runner.store.damage import stored_json
from runner.store.tables import batch_counts, batches


async def replace_batch(connection: AsyncConnection, old: Batch, new: Batch) -> None:
    """Cancels what is left of `old` and its parts, which `new` replaces."""
    with_parts = or_(batches.c.id == old.id, batches.c.part_of == old.id)
    await connection.execute(update(batches).where(with_parts).values(replaced_by=new.id))
    for part in await parts_of(connection, old.id):
        if not part.done:
            await set_batch_state(connection, part.id, BatchState.CANCELLED)


async def set_output(
    connection: AsyncConnection, batch_id: int, output: str | None, errors: str | None = None
) -> None:
    """Sets the output file of a batch, and takes it from any other batch that had it."""
    if output is not None:
        others = update(batches).where(batches.c.output == output, batches.c.id != batch_id)
        await connection.execute(others.values(output=None, error_output=None))
    await _set(connection, batch_id, {"output": output, "error_output": errors})


async def set_priority(connection: AsyncConnection, batch_id: int, priority: int) -> None:
    """Sets the priority of a batch or a part of it; lower goes first."""
    await _set(connection, batch_id, {"priority": priority})


async def rename(connection: AsyncConnection, batch: Batch, name: str) -> None:
    """Sets the name of a batch or a part of it."""
    await _set(connection, batch.id, {"name": name})


async def set_job(connection: AsyncConnection, batch: Batch, new: NewBatch) -> None:
    """Gives a batch the limits and the priority of `new`; its requests stay the same.

    It gets a new name if the name in the job file has changed; otherwise it keeps its own.
    """
    renamed = _job_name(batch.job_json) != _job_name(new.job_json)
    values = {
        "name": new.name if renamed else batch.name,
        "job_path": new.job_path or batch.job_path,
        "selection": new.selection,
        "input_json": new.input_json if new.input == batch.input else batch.input_json,
        "job_json": new.job_json,
        "priority": new.priority,
        "rotate": new.rotate,
        "max_calls": new.max_calls,
        "reuse_answers": int(new.reuse_answers),
        **packing_values(new.packing),
    }
    await _set(connection, batch.id, values)


async def set_source(
    connection: AsyncConnection, batch: Batch, digest: str, input_json: str
) -> None:
    """Gives a batch of an earlier release and its parts a digest, and the record of the input."""
    for part in await parts_of(connection, batch.id):
        own = f"{digest}{part.digest.removeprefix(batch.digest)}"
        await _set(connection, part.id, {"digest": own, "input_json": input_json})


def _job_name(job_json: str) -> object:
    return stored_json(job_json).get("job", {}).get("name")


async def set_batch_state(
    connection: AsyncConnection, batch_id: int, state: BatchState, reason: str = ""
) -> None:
    """Activates, pauses or cancels a batch; its jobs do not change.

    Activation resets the count of rejections, and ends a replacement by another batch.
    """
    values: dict[str, object] = {"state": state, "pause_reason": reason}
    if state is BatchState.ACTIVE:
        values["replaced_by"] = None
        own = batch_counts.c.batch_id == batch_id
        await connection.execute(update(batch_counts).where(own).values(calls_rejected=0))
    await _set(connection, batch_id, values)


async def _set(connection: AsyncConnection, batch_id: int, values: dict[str, object]) -> None:
    await connection.execute(update(batches).where(batches.c.id == batch_id).values(values))
