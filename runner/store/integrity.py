"""Checks of the database: the integrity of its file, and counts that disagree with the rows."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import Counts, JobState
from runner.store import batches, sqlite
from runner.store.damage import as_enum
from runner.store.tables import jobs


async def defects(connection: AsyncConnection) -> list[str]:
    """Returns the findings of the database itself, and the batches with wrong counts."""
    wrong = await sqlite.integrity_findings(connection)
    for batch in await batches.list_batches(connection):
        own = jobs.c.id.between(batch.first_job, batch.last_job)
        by_state = await connection.execute(
            select(jobs.c.state, func.count()).where(own).group_by(jobs.c.state)
        )
        counted = Counts(**{as_enum(JobState, state).value: number for state, number in by_state})
        if counted != batch.counts:
            wrong.append(f"batch {batch.id}: counted {counted}, recorded {batch.counts}")
    return wrong
