"""Rescue of the open work of a runner that has ended.

Its open calls count as spent, and its jobs are ready again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, case, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import after_crash
from runner.core.settlement import UnseenCall, settle_unseen_calls
from runner.core.states import JobEvent, JobState, after
from runner.core.tries import Tries
from runner.store import image_tasks, results, windows
from runner.store.counts import Changes
from runner.store.damage import stored_json
from runner.store.jobs import RUNNING
from runner.store.results import JobResult
from runner.store.statement import Statement
from runner.store.tables import calls, jobs

_UNSETTLED = calls.c.state == literal_column("'reserved'")
_OPEN_CALLS = Statement(
    select(calls.c.id, calls.c.account, calls.c.model, calls.c.reserved_json, calls.c.probe)
    .where(_UNSETTLED, calls.c.runner_id == bindparam("runner"))
    .order_by(calls.c.id)
)
_CLOSE = Statement(
    update(calls)
    .where(_UNSETTLED, calls.c.runner_id == bindparam("runner"))
    .values(
        state=literal_column("'unseen'"),
        # The clock may have been set back since: a call must not end before it began.
        settled_at_ms=case(
            (calls.c.reserved_at_ms > bindparam("now"), calls.c.reserved_at_ms),
            else_=bindparam("now"),
        ),
    )
)
_THEIRS = Statement(
    select(jobs).where(RUNNING, jobs.c.runner_id == bindparam("runner")).order_by(jobs.c.id)
)
_TAKE_BACK = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(
        state=bindparam("to"),
        crashes=bindparam("crashes"),
        runner_id=literal_column("NULL"),
    )
)


async def rescue(
    connection: AsyncConnection, runner_id: int, now: int, *, died: bool = True
) -> int:
    """Takes back the jobs of a runner that has ended; returns their number.

    Its open calls count as spent, since they may have reached the provider. If it `died`, each of
    its jobs may be the cause, and fails after too many deaths.
    """
    changes = Changes()
    open_calls = await _OPEN_CALLS.fetch(connection, runner=runner_id)
    if open_calls:
        in_use = await windows.in_use(connection)
        settled = settle_unseen_calls(in_use, map(_unseen, open_calls), now)
        await windows.save_windows(connection, settled.values())
        await _CLOSE.run(connection, [{"runner": runner_id, "now": now}])
    await image_tasks.end_leases(connection, runner_id)
    left = await _THEIRS.fetch(connection, runner=runner_id)
    await _take_back(connection, left, now, changes, died=died)
    await changes.write(connection)
    return len(left)


async def _take_back(
    connection: AsyncConnection, left: Sequence[Any], now: int, changes: Changes, *, died: bool
) -> None:
    """Makes the jobs ready again; those in too many deaths of runners fail."""
    moved, given_up = [], []
    for row in left:
        tries = Tries(row.attempts, row.crashes, row.faults, row.invalid_replies, row.splits)
        fail = after_crash(tries) if died else None
        new = after(JobState.RUNNING, JobEvent.RELEASED if fail is None else JobEvent.GAVE_UP)
        moved.append({"job": row.id, "to": new, "crashes": row.crashes + died})
        changes.move(row.batch_id, JobState.RUNNING, new)
        if fail is not None:
            given_up.append(JobResult(row.id, None, error=fail.why))
    await _TAKE_BACK.run(connection, moved)
    await results.record(connection, given_up, now)
    await results.end_duplicates(connection, [result.job_id for result in given_up], now, changes)


def _unseen(row: Any) -> UnseenCall:
    stored = stored_json(row.reserved_json)
    reserved = {name: (key, amount) for name, (key, amount) in stored.items()}
    return UnseenCall((row.account, row.model), reserved, bool(row.probe))
