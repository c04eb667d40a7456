"""The first of the two critical writes: calls enter the ledger, and their jobs are claimed.

Both are committed before the first byte is sent. So a running job is always part of a call in the
ledger, and so is every call that may have reached the provider. The number of statements does not
depend on the number of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import JobEvent, JobState, after
from runner.store import job_spans
from runner.store.counts import Changes
from runner.store.damage import DamageError
from runner.store.statement import Statement
from runner.store.tables import calls, jobs

if TYPE_CHECKING:
    from runner.core.settlement import Call

_CLAIM = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.state == literal_column("'ready'"))
    .values(
        state=literal_column("'running'"),
        attempts=jobs.c.attempts + literal_column("1"),
        runner_id=bindparam("runner"),
    )
)
_RESERVED = (
    "id",
    "batch_id",
    "rows_asked",
    "jobs_asked",
    "runner_id",
    "account",
    "model",
    "period_key",
    "reserved_json",
    "state",
    "probe",
    "reserved_at_ms",
    "client",
)
_RESERVE = Statement(insert(calls).values({name: bindparam(name) for name in _RESERVED}))
_LAST_CALL = Statement(select(func.max(calls.c.id)))


async def last_call_id(connection: AsyncConnection) -> int:
    """Returns the id of the newest call in the ledger; 0 if there is none."""
    [(newest,)] = await _LAST_CALL.fetch(connection)
    return newest or 0


async def reserve(
    connection: AsyncConnection, new: Sequence[Call], runner_id: int, now: int, changes: Changes
) -> None:
    """Inserts `new` calls, whose jobs are ready, and claims those jobs for the runner.

    The caller has read the jobs as ready in the same transaction, or knows that nobody has written
    since. The reservations in windows are part of the core's decision, and are stored with the
    windows.

    Raises:
        DamageError: A job is not ready, though it was read as such: an index is damaged. The
            calls must not be made.
    """
    claimed = [{"job": job.job_id, "runner": runner_id} for call in new for job in call.jobs]
    damage = DamageError("a job that was read as ready is not")
    await _CLAIM.run(connection, claimed, missing=damage)
    running = after(JobState.READY, JobEvent.CLAIMED)
    for call in new:
        if call.batch_id is not None:
            changes.move(call.batch_id, JobState.READY, running, len(call.jobs))
    await _RESERVE.run(connection, _call_rows(new, runner_id, now))


def _call_rows(new: Sequence[Call], runner_id: int, now: int) -> list[dict[str, Any]]:
    texts: dict[int, str] = {}  # by permit, which calls that were admitted together share
    rows = []
    for call in new:
        permit = call.permit
        if id(permit) not in texts:
            texts[id(permit)] = orjson.dumps(dict(permit.reserved)).decode()
        account, model = permit.route
        rows.append(
            {
                "id": call.id,
                "batch_id": call.batch_id,
                "rows_asked": len(call.jobs),
                "jobs_asked": job_spans.encode([job.job_id for job in call.jobs]),
                "runner_id": runner_id,
                "account": account,
                "model": model,
                "period_key": permit.period_key,
                "reserved_json": texts[id(permit)],
                "state": "reserved",
                "probe": int(permit.probe),
                "reserved_at_ms": now,
                "client": call.client,
            }
        )
    return rows
