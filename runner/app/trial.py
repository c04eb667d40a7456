"""A few rows asked now, to see what is sent, what comes back, and what is made of it.

A trial is a batch of its own: its calls are in the ledger like any other, and what is left of it
when today allows no more is not asked later.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

import anyio

from runner.app.application import Application
from runner.app.images import with_image_folder
from runner.app.responses import Ran
from runner.app.submission import Checked
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.engine.call import CallTrace
from runner.store.batch_rows import ExportRow
from runner.store.batches import Batch

NOTE = "it was a trial"
# Whoever looks on does not want to wait long for what may pass, or for what does not come.
MOST_ATTEMPTS = 3
PATIENCE_MS = 5 * 60_000
# It goes before all that is queued.
FIRST = -100


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a trial: how it ended, its rows, and its calls in the order they ended."""

    ran: Ran
    rows: tuple[ExportRow, ...]
    calls: tuple[CallTrace, ...]

    @property
    def batch(self) -> Batch:
        """The batch that it was."""
        return self.ran.batches[0]

    def number(self, job_id: int) -> int:
        """Which of the rows a job is about, from 1."""
        return job_id - self.batch.first_job + 1


def as_trial(checked: Checked) -> Checked:
    """What was checked, as a trial: asked anew each time, once a row, and not for long."""
    jobfile = with_image_folder(checked.jobfile)
    wanted = jobfile.job.reuse and "reuse" in jobfile.job.model_fields_set
    once: dict[str, Any] = {"name": f"try: {jobfile.job.name}", "votes": 1, "check": 0.0}
    once |= {"reuse": wanted, "priority": FIRST}
    most = min(MOST_ATTEMPTS, jobfile.limits.max_attempts)
    changed = {
        "job": jobfile.job.model_copy(update=once),
        "limits": jobfile.limits.model_copy(update={"max_attempts": most}),
    }
    changed_file = jobfile.model_copy(update=changed)
    return replace(checked, jobfile=changed_file, is_trial=True, salt=secrets.token_hex(8))


async def run_trial(midnight: Application, checked: Checked, *, signals: bool = True) -> Trial:
    """Ask the rows of `checked` now, as far as today allows.

    Args:
        midnight: Where to.
        checked: The few rows, and what is asked of them.
        signals: Whether SIGINT and SIGTERM stop it.

    Raises:
        RunnerError: As `Application.run`.
    """
    calls: list[CallTrace] = []
    batch = (await midnight.submit(as_trial(checked))).batch
    try:
        ran = await midnight.run(
            only=batch,
            wait=False,
            pace=Pace.ASAP,
            signals=signals,
            patience_ms=PATIENCE_MS,
            observer=calls.append,
        )
    finally:
        with anyio.CancelScope(shield=True):
            await _forget(midnight, batch)
    return Trial(ran, tuple([row.first async for row in midnight.rows(batch)]), tuple(calls))


async def _forget(midnight: Application, batch: Batch) -> None:
    """Have nobody ask later what was not asked now."""
    now = await midnight.batch(str(batch.id))
    if not now.done:
        await midnight.set_state(now, BatchState.CANCELLED, NOTE)
