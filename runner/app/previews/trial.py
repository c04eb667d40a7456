"""Trials: a few rows asked now, to inspect what is sent, what is returned, and the answers.

A trial is a separate batch: its calls are in the ledger like any other, and rows that today's
allowance does not cover are not asked later.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

import anyio

from runner.app.application import Application
from runner.app.running.run_result import RunResult
from runner.app.submitting.images import with_image_folder
from runner.app.submitting.submission import Submission
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.stop_reason import WaitsFor
from runner.engine.call import CallTrace
from runner.store.batch_rows import ExportRow
from runner.store.batches import Batch

NOTE = "it was a trial"
# Fewer retries and less patience than usual, because somebody is waiting for the result.
MOST_ATTEMPTS = 3
PATIENCE_MS = 5 * 60_000
# The priority before all other batches.
FIRST = -100


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a trial: its run, its rows, and its calls in the order of their ends."""

    ran: RunResult
    rows: tuple[ExportRow, ...]
    calls: tuple[CallTrace, ...]

    @property
    def batch(self) -> Batch:
        """The batch of the trial."""
        return self.ran.batches[0]

    def number(self, job_id: int) -> int:
        """Returns the row number of a job, from 1."""
        return job_id - self.batch.first_job + 1


def as_trial(submission: Submission) -> Submission:
    """Returns `submission` as a trial: asked anew each time, one vote a row, with few retries."""
    jobfile = with_image_folder(submission.jobfile)
    wanted = jobfile.job.reuse and "reuse" in jobfile.job.model_fields_set
    once: dict[str, Any] = {"name": f"try: {jobfile.job.name}", "votes": 1, "check": 0.0}
    once |= {"reuse": wanted, "priority": FIRST}
    most = min(MOST_ATTEMPTS, jobfile.limits.max_attempts)
    changed = {
        "job": jobfile.job.model_copy(update=once),
        "limits": jobfile.limits.model_copy(update={"max_attempts": most}),
    }
    changed_file = jobfile.model_copy(update=changed)
    return replace(submission, jobfile=changed_file, is_trial=True, salt=secrets.token_hex(8))


async def run_trial(
    midnight: Application, submission: Submission, *, attended: bool = True
) -> Trial:
    """Asks the rows of `submission` now, as far as today's allowance permits.

    Args:
        midnight: The application.
        submission: The job file and the selected rows.
        attended: Whether a person has started it, as in `Application.run`.

    Raises:
        RunnerError: As `Application.run` raises it.
    """
    calls: list[CallTrace] = []
    batch = (await midnight.submit(as_trial(submission))).batch
    try:
        ran = await midnight.run(
            only=batch,
            waits_for=WaitsFor.CALLS,
            pace=Pace.ASAP,
            attended=attended,
            patience_ms=PATIENCE_MS,
            observer=calls.append,
        )
    finally:
        with anyio.CancelScope(shield=True):
            await _cancel_rest(midnight, batch)
    return Trial(ran, tuple([row.first async for row in midnight.rows(batch)]), tuple(calls))


async def _cancel_rest(midnight: Application, batch: Batch) -> None:
    """Cancels what is left of the batch, so that it is not asked later."""
    await midnight.set_state(batch, BatchState.CANCELLED, NOTE)
