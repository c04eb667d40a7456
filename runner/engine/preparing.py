"""Preparation of a turn's calls: all their rows, and all invalid replies, in one query each."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.settlement import Call
from runner.engine.call import BatchCall, CompiledJob, PreparedCall, compile_job
from runner.engine.handlers.base import JobRow
from runner.store import jobs
from runner.store.batches import Batch

log = logging.getLogger(__name__)

UNREADABLE = "its stored job file cannot be read: submit the batch again from its job file"


class Preparer:
    """Prepares calls; the job file of a batch is compiled once, and again if it is changed."""

    def __init__(self) -> None:
        self._jobs: dict[int, tuple[str, CompiledJob]] = {}  # by batch: its job file, compiled

    def unreadable(self, known: Mapping[int, Batch], ids: Collection[int]) -> dict[int, str]:
        """Returns why no call can be made for some of these batches: their job file is unreadable.

        Another version of the program may have stored them.
        """
        return {id_: UNREADABLE for id_ in ids if id_ in known and not self._can_read(known[id_])}

    async def prepare(
        self, connection: AsyncConnection, known: Mapping[int, Batch], calls: Sequence[Call]
    ) -> list[PreparedCall]:
        """Returns `calls` with their rows and the invalid replies so far."""
        if not calls:
            return []
        for batch_id in self._jobs.keys() - known.keys():
            del self._jobs[batch_id]
        ids = [known[call.permit.key].row(job.job_id) for call in calls for job in call.jobs]
        bodies = await jobs.read_bodies(connection, ids)
        asked = [j.job_id for call in calls for j in call.jobs if j.tries.invalid_replies]
        replies = await jobs.read_invalid_replies(connection, asked)
        prepared: list[PreparedCall] = []
        for call in calls:
            batch = known[call.permit.key]
            rows = tuple(
                JobRow(bodies[batch.row(job.job_id)], replies.get(job.job_id, ()))
                for job in call.jobs
            )
            prepared.append(BatchCall(call, self._job_of(batch), rows))
        return prepared

    def _can_read(self, batch: Batch) -> bool:
        try:
            self._job_of(batch)
        except Exception:  # also a bug must not end the runs of other batches
            log.exception("a job file cannot be read", extra={"batch": batch.id})
            return False
        return True

    def _job_of(self, batch: Batch) -> CompiledJob:
        job_json, compiled = self._jobs.get(batch.id, ("", None))
        if compiled is None or job_json != batch.job_json:
            compiled = compile_job(batch)
            self._jobs[batch.id] = batch.job_json, compiled
        return compiled
