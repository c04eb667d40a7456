"""Deletes batches and returns their disk space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner import invocation
from runner.errors import BusyError
from runner.language import _
from runner.store import batches, liveness, pruning
from runner.store.batches import Batch
from runner.store.database import Database


@dataclass(frozen=True, slots=True)
class Pruned:
    """The result of a deletion.

    Attributes:
        batches: The deleted batches, without their parts.
        bytes_freed: The bytes by which the database shrank; None if it did not because a runner is
            active. New rows then use the space.
    """

    batches: tuple[Batch, ...]
    bytes_freed: int | None


async def delete(database: Database, selected: Sequence[Batch], now: int) -> Pruned:
    """Deletes batches with their rows and results; their cost stays in the ledger.

    Raises:
        BusyError: A runner is working on one of them.
    """
    alive = await liveness.alive(database)
    async with database.write() as connection:
        parts = [p for b in selected for p in await batches.parts_of(connection, b.id)]
        busy = [part for part in parts if part.counts.running]
        if alive and busy:
            number = busy[0].part_of or busy[0].id
            name = _("{name} (batch {id})").format(name=busy[0].name, id=number)
            remedy = _("first: {command}").format(command=invocation.command("cancel", number))
            raise BusyError(_("a runner works on {name}").format(name=name), remedy=remedy)
        ids = [part.id for part in parts]
        await pruning.hide(connection, ids, now)
    return Pruned(tuple(selected), await _empty(database, may_shrink=not alive))


async def old_batches(database: Database, before: int) -> list[Batch]:
    """Returns the batches that are finished, cancelled or trials, unused since `before`."""
    async with database.read() as connection:
        every = await batches.list_batches(connection)
        with_parts = {b.id: [p for p in every if b.id in (p.id, p.part_of)] for b in every}
        return [
            batch
            for batch in every
            if batch.part_of is None
            and all(part.over for part in with_parts[batch.id])
            and await pruning.last_used(connection, batch) < before
        ]


async def _empty(database: Database, *, may_shrink: bool) -> int | None:
    before, more = database.path.stat().st_size, True
    while more:
        async with database.write() as connection:
            more = await pruning.empty_some(connection)
    if not may_shrink:
        return None
    await database.give_back_space()
    return max(0, before - database.path.stat().st_size)
