"""Batches that should stop asking: a turn pauses them, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

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
from runner.store import batch_updates, results
from runner.store.counts import Changes


async def pause(
    connection: AsyncConnection, snapshot: Snapshot, reasons: Mapping[int, str]
) -> Snapshot:
    """Pause batches, by their ids, unless they are paused already; the snapshot without them."""
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
    """Pause the batches of which no model is served.

    Args:
        connection: Inside the transaction of the turn.
        snapshot: What was known before.
        settlements: Of the calls that have ended, those that count.
        changed: The windows that they have changed.
        accounts: Those that are used.
    """
    if all(one.outcome.verdict.kind is not Kind.GONE for one in settlements):
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
    """Pause the batches of which call after call is rejected, and fail no job for it.

    Args:
        connection: Inside the transaction of the turn.
        memory: What was known before.
        settlements: Of the calls that have ended.
        still_open: Those of the calls that were not settled before; no other counts.
        now: The present moment (ms since the epoch).
        changes: Collects what changes in the counts of batches.

    Returns:
        What is known then, and the settlements to be stored instead, in the same order.
    """
    known = memory.snapshot.batches

    def answered(batch_id: int) -> bool:
        return batch_id not in known or known[batch_id].counts.succeeded > 0

    fresh = [one for one in settlements if one.call.id in still_open]
    found = find_systematic(fresh, memory.streak_of, answered, now)
    for batch_id in found.streaks.keys() & known.keys():
        more = found.streaks[batch_id].count - known[batch_id].calls_rejected
        changes.add(batch_id, "calls_rejected", more)
    await results.requeue_failed(connection, found.requeued, changes)
    streaks = {**memory.streaks, **found.streaks}
    memory = replace(
        memory,
        snapshot=await pause(connection, memory.snapshot, found.pause_reasons),
        streaks={batch_id: streak for batch_id, streak in streaks.items() if streak.count},
    )
    changed = iter(found.settlements)
    return memory, [next(changed) if one.call.id in still_open else one for one in settlements]
