"""Pauses of batches whose calls cannot succeed, or whose rows fail too often."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from runner.core.failing import NO_ROWS
from runner.core.rejections import find_systematic
from runner.core.route import Route
from runner.core.settlement import Settlement
from runner.core.states import BatchState
from runner.core.unserved import unserved_reasons
from runner.core.verdict import Kind
from runner.core.window import Window
from runner.engine.open_turn import OpenTurn
from runner.engine.snapshot import routes_of
from runner.providers.account import Account
from runner.store import batch_updates, retries


async def pause_unserved(
    turn: OpenTurn,
    settlements: Sequence[Settlement],
    changed: Sequence[Window],
    accounts: Sequence[Account],
) -> None:
    """Pauses the batches none of whose models is served.

    Args:
        turn: The turn.
        settlements: The settlements of calls that were not settled before.
        changed: The windows that they have changed.
        accounts: The accounts that may be called.
    """
    if all(each.outcome.verdict.kind is not Kind.GONE for each in settlements):
        return
    batches = turn.snapshot.batches

    def routes(batch_id: int) -> tuple[Route, ...]:
        batch = batches.get(batch_id)
        return routes_of(batch.models, accounts) if batch else ()

    latest = turn.snapshot.with_windows(changed).latest
    await pause(turn, unserved_reasons(settlements, routes, latest.values()))


async def pause_rejected(
    turn: OpenTurn, settlements: Sequence[Settlement], still_open: Collection[int]
) -> list[Settlement]:
    """Pauses the batches with systematic rejections, and changes these so that no job fails.

    Args:
        turn: The turn.
        settlements: The settlements of the calls that have ended.
        still_open: The ids of the calls that were not settled before; no other counts.

    Returns:
        The settlements to store instead, in the same order.
    """
    batches, memory = turn.snapshot.batches, turn.memory

    def answered(batch_id: int) -> bool:
        return batch_id not in batches or batches[batch_id].counts.succeeded > 0

    fresh = [each for each in settlements if each.call.id in still_open]
    rejections = find_systematic(fresh, memory.streak_of, answered)
    for batch_id in rejections.streaks.keys() & batches.keys():
        more = rejections.streaks[batch_id].count - batches[batch_id].calls_rejected
        turn.changes.add(batch_id, "calls_rejected", more)
    await retries.requeue_failed(turn.connection, rejections.requeued, turn.changes)
    streaks = {**memory.streaks, **rejections.streaks}
    kept = {batch_id: streak for batch_id, streak in streaks.items() if streak.count}
    turn.memory = replace(memory, streaks=kept)
    await pause(turn, rejections.pause_reasons)
    changed = iter(rejections.settlements)
    return [next(changed) if each.call.id in still_open else each for each in settlements]


async def pause_failing(turn: OpenTurn, most_failed: float) -> None:
    """Pauses the batches of which too many rows have failed in this process.

    A batch that is resumed is judged anew. A client's batch goes on: it ends with an error for each
    failed row, as its client expects, whom nobody would tell of a pause.

    Args:
        turn: The turn, with the changes of the jobs that the ended calls have moved.
        most_failed: The largest share of failed rows, from 0 to 1.
    """
    batches, known = turn.snapshot.batches, turn.memory.ended_rows
    moved = {
        batch_id: known.get(batch_id, NO_ROWS).with_changes(changed)
        for batch_id, changed in turn.changes.by_batch.items()
        if batch_id in batches and batches[batch_id].client is None
    }
    reasons = {
        batch_id: reason
        for batch_id, ended in moved.items()
        if (reason := ended.pause_reason(most_failed))
    }
    ended_rows = {
        batch_id: ended
        for batch_id, ended in {**known, **moved}.items()
        if batch_id in batches and batch_id not in reasons
    }
    turn.memory = replace(turn.memory, ended_rows=ended_rows)
    await pause(turn, reasons)


async def pause(turn: OpenTurn, reasons: Mapping[int, str]) -> None:
    """Pauses the batches with these ids, if they run."""
    if not reasons:
        return
    left = dict(turn.snapshot.batches)
    for batch_id, reason in reasons.items():
        if left.pop(batch_id, None) is not None:
            paused = BatchState.PAUSED
            await batch_updates.set_batch_state(turn.connection, batch_id, paused, reason)
            turn.paused.add(batch_id)
    turn.snapshot = replace(turn.snapshot, batches=left)
