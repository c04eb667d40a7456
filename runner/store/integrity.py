"""What is wrong inside the database: its file, and counts that do not agree with their rows."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import Counts, JobState
from runner.store import batches, sqlite
from runner.store.damage import known
from runner.store.tables import jobs


async def defects(connection: AsyncConnection) -> list[str]:
    """Return what the database itself finds wrong, and the batches whose counts are wrong."""
    wrong = await sqlite.integrity_findings(connection)
    for batch in await batches.list_batches(connection):
        own = jobs.c.id.between(batch.first_job, batch.last_job)
        found = await connection.execute(
            select(jobs.c.state, func.count()).where(own).group_by(jobs.c.state)
        )
        counted = Counts(**{known(JobState, state).value: number for state, number in found})
        if counted != batch.counts:
            wrong.append(f"batch {batch.id}: counted {counted}, recorded {batch.counts}")
    return wrong
