"""Pauses of batches whose calls cannot succeed, or whose rows fail too often."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.failing import NO_ROWS
from runner.core.rejections import find_systematic
from runner.core.route import Route
from runner.core.settlement import Settlement
from runner.core.states import BatchState
from runner.core.unserved import unserved_reasons
from runner.core.verdict import Kind
from runner.core.window import Window
from runner.engine.memory import Memory
from runner.engine.snapshot import Snapshot, routes_of
from runner.providers.account import Account
from runner.store import batch_updates, retries
from runner.store.counts import Changes


async def pause(
    connection: AsyncConnection, snapshot: Snapshot, reasons: Mapping[int, str]
) -> Snapshot:
    """Pauses the batches with these ids, if they run; returns the snapshot without them."""
    left = dict(snapshot.batches)
    for batch_id, reason in reasons.items():
        if left.pop(batch_id, None) is not None:
            await batch_updates.set_batch_state(connection, batch_id, BatchState.PAUSED, reason)
    return replace(snapshot, batches=left)


async def pause_unserved(
    connection: AsyncConnection,
    snapshot: Snapshot,
    settlements: Sequence[Settlement],
    changed: Sequence[Window],
    accounts: Sequence[Account],
) -> Snapshot:
    """Pauses the batches none of whose models is served.

    Args:
        connection: A connection inside the transaction of the turn.
        snapshot: The snapshot before the turn.
        settlements: The settlements of calls that were not settled before.
        changed: The windows that they have changed.
        accounts: The accounts that may be called.
    """
    if all(each.outcome.verdict.kind is not Kind.GONE for each in settlements):
        return snapshot

    def routes(batch_id: int) -> tuple[Route, ...]:
        batch = snapshot.batches.get(batch_id)
        return routes_of(batch.models, accounts) if batch else ()

    latest = snapshot.with_windows(changed).latest
    reasons = unserved_reasons(settlements, routes, latest.values())
    return await pause(connection, snapshot, reasons)


async def pause_rejected(
    connection: AsyncConnection,
    memory: Memory,
    settlements: Sequence[Settlement],
    still_open: Collection[int],
    now: int,
    changes: Changes,
) -> tuple[Memory, list[Settlement]]:
    """Pauses the batches with systematic rejections, and changes these so that no job fails.

    Args:
        connection: A connection inside the transaction of the turn.
        memory: The state before the turn.
        settlements: The settlements of the calls that have ended.
        still_open: The ids of the calls that were not settled before; no other counts.
        now: The present moment (ms since the epoch).
        changes: Collects changes of the counts of batches.

    Returns:
        The state after it, and the settlements to store instead, in the same order.
    """
    batches = memory.snapshot.batches

    def answered(batch_id: int) -> bool:
        return batch_id not in batches or batches[batch_id].counts.succeeded > 0

    fresh = [each for each in settlements if each.call.id in still_open]
    rejections = find_systematic(fresh, memory.streak_of, answered, now)
    for batch_id in rejections.streaks.keys() & batches.keys():
        more = rejections.streaks[batch_id].count - batches[batch_id].calls_rejected
        changes.add(batch_id, "calls_rejected", more)
    await retries.requeue_failed(connection, rejections.requeued, changes)
    streaks = {**memory.streaks, **rejections.streaks}
    memory = replace(
        memory,
        snapshot=await pause(connection, memory.snapshot, rejections.pause_reasons),
        streaks={batch_id: streak for batch_id, streak in streaks.items() if streak.count},
    )
    changed = iter(rejections.settlements)
    return memory, [next(changed) if each.call.id in still_open else each for each in settlements]


async def pause_failing(
    connection: AsyncConnection, memory: Memory, changes: Changes, most_failed: float
) -> Memory:
    """Pauses the batches of which too many rows have failed in this process.

    A batch that is resumed is judged anew. A client's batch goes on: it ends with an error for each
    failed row, as its client expects, whom nobody would tell of a pause.

    Args:
        connection: A connection inside the transaction of the turn.
        memory: The state before it.
        changes: The jobs that the ended calls have moved.
        most_failed: The largest share of failed rows, from 0 to 1.
    """
    batches = memory.snapshot.batches
    moved = {
        batch_id: memory.ended_rows.get(batch_id, NO_ROWS).with_changes(changed)
        for batch_id, changed in changes.by_batch.items()
        if batch_id in batches and batches[batch_id].client is None
    }
    reasons = {
        batch_id: reason
        for batch_id, ended in moved.items()
        if (reason := ended.pause_reason(most_failed))
    }
    ended_rows = {
        batch_id: ended
        for batch_id, ended in {**memory.ended_rows, **moved}.items()
        if batch_id in batches and batch_id not in reasons
    }
    snapshot = await pause(connection, memory.snapshot, reasons)
    return replace(memory, snapshot=snapshot, ended_rows=ended_rows)
