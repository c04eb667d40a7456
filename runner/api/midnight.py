"""The queue for Python users: submit rows, run batches, and receive each result.

It decides nothing: it converts between Python's types and `runner.app.application`, and combines a
run with the feed of its results.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import anyio
from anyio.abc import TaskGroup

from runner.api.background_run import BackgroundRun
from runner.api.batch import Batch, of_parts
from runner.api.batch_progress import OnProgress, ProgressReporter, progress_of
from runner.api.figures import (
    Allowance,
    CallDay,
    Estimate,
    allowance_of,
    call_day_of,
    estimate_of,
)
from runner.api.job import Job
from runner.api.progress_bar import progress_bar
from runner.api.result import Result, result_of
from runner.api.result_feed import ResultFeed
from runner.api.results import Results
from runner.api.rows import Rows, submission_of
from runner.app.application import Application
from runner.app.previews.planning import plan_without_advice
from runner.app.results.rows import RowResult, results
from runner.app.reviews.quality import Quality
from runner.app.running.engine_host import OnStart
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.stop_reason import WaitsFor
from runner.engine.progress import Watcher
from runner.store import failures

T = TypeVar("T")

# Results that arrive within this time are read together.
_GATHER_S = 0.02

StrPath = str | os.PathLike[str]
PaceName = Literal["auto", "asap", "even"]


class Midnight:
    """An open queue; `open_midnight` creates it."""

    def __init__(self, program: Application, tasks: TaskGroup) -> None:
        self._program = program
        self._tasks = tasks
        self._started: list[BackgroundRun] = []

    async def submit(self, job: Job[T], rows: Rows) -> Batch[T]:
        """Queues every row, or finds the existing batch of the same rows; nothing is spent.

        What you should know before, such as a placeholder that is sent as it stands, is said as a
        `RunnerWarning`.

        Args:
            job: The job.
            rows: Mappings, from a list or a generator; a table of pandas, Polars or PyArrow; or
                the path of a dataset, or a pattern of paths. Memory does not grow with the rows.

        Raises:
            InputError: A row is invalid; nothing is queued.
            JobFileError: The job reads a key that the rows lack.
            ConfigError: No account serves the model, or a package is missing; nothing is queued.
            OutputError: The folder of the images cannot be written; nothing is queued.
            StoreError: The database cannot be read or written.
        """
        async with submission_of(self._program.settings, job.jobfile, rows) as submission:
            submitted = await self._program.submit(submission)
        parts = await self._program.parts_of(submitted.batch)
        return Batch(parts, job, created=submitted.created)

    async def plan(self, job: Job[Any], rows: Rows) -> Estimate:
        """Estimates the cost of a batch in calls, tokens and days; nothing is queued or spent.

        Raises:
            InputError: A row is invalid.
            JobFileError: The job reads a key that the rows lack.
        """
        async with submission_of(self._program.settings, job.jobfile, rows) as submission:
            return estimate_of(await plan_without_advice(self._program, submission))

    async def results(
        self,
        batch: Batch[T],
        *,
        wait: bool = True,
        pace: PaceName | None = None,
        progress: bool | None = False,
        on_progress: OnProgress | None = None,
    ) -> AsyncGenerator[Result[T], None]:
        """Runs the batch, and yields each row's result once, as soon as it is available.

        Results of earlier runs come first. It ends when every row has succeeded or failed, or when
        the run cannot continue; `batch.left` is then the number of remaining jobs. Leaving the loop
        stops the run: calls in flight finish, nothing is lost, and the other rows stay queued.

        Args:
            batch: The batch, which is refreshed during the loop.
            wait: Whether to sleep until the reset when the allowance is spent; otherwise it ends.
            pace: ``auto``, ``asap`` or ``even``; by default as configured. Without `wait`, the
                default is ``asap``.
            progress: Whether to draw a progress bar; None means in a terminal or a notebook.
            on_progress: Called with the progress, a few times a second while calls are made. An
                exception in it stops the run, and is raised here.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: A token is missing, or no account serves the model.
            StoreError: The database cannot be read or written.
            EngineError: The engine has a defect.
        """
        parts = await self._program.parts_of(batch.stored)
        feed = ResultFeed(self._program.reading, parts)
        with progress_bar(on_progress, wanted=progress) as tell:
            run = self._begin(batch, wait=wait, pace=pace, tell=tell)
            try:
                over = False
                while not over:
                    over, changed = run.over, run.next_change()
                    while rows := await feed.next_page():
                        await self.refresh(batch)
                        for result in await self._results(batch.job, rows):
                            yield result
                    if not over:
                        await changed.wait()
                        await anyio.sleep(_GATHER_S)
            finally:
                run.stop()
        await self.refresh(batch)
        if run.failure is not None:
            raise run.failure

    async def run(
        self,
        batch: Batch[T],
        *,
        wait: bool = True,
        pace: PaceName | None = None,
        progress: bool | None = False,
        on_progress: OnProgress | None = None,
    ) -> Batch[T]:
        """Runs the batch until every row has succeeded or failed, or the run ends earlier.

        Without `wait`, the run ends when the allowance is spent. The returned batch is refreshed;
        `batch.left` is the number of remaining jobs.

        Args:
            batch: The batch.
            wait: Whether to sleep until the reset, as for `results`.
            pace: The pacing of the day's budget, as for `results`.
            progress: Whether to draw a progress bar, as for `results`.
            on_progress: Called with the progress, as for `results`.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: A token is missing, or no account serves the model.
            StoreError: The database cannot be read or written.
            EngineError: The engine has a defect.
        """
        with progress_bar(on_progress, wanted=progress) as tell:
            await self._drain(batch, wait=wait, pace=pace, tell=tell)
        return await self.refresh(batch)

    async def collect(self, batch: Batch[T]) -> Results[T]:
        """Returns the results so far, one for each row in their order, without a run."""
        parts = await self._program.parts_of(batch.stored)
        collected: Results[T] = Results()
        async for page in results(self._program.reading, parts):
            collected += await self._results(batch.job, page)
        return collected

    async def export(self, batch: Batch[Any], path: StrPath, *, details: bool = False) -> int:
        """Writes the results so far to a file in the format of its suffix; returns the row count.

        Args:
            batch: The batch.
            path: The file; an existing file is replaced atomically.
            details: Whether to add the account, the call and the reply of each row.

        Raises:
            OutputError: The file cannot be written; an existing file is left unchanged.
        """
        return await self._program.export(batch.stored, Path(path), details=details)

    async def refresh(self, batch: Batch[T]) -> Batch[T]:
        """Refreshes the batch from the database, and returns the same object."""
        batch.parts = tuple(await self._program.parts_of(batch.stored))
        return batch

    async def batch(self, name: str | int) -> Batch[Any]:
        """Returns the batch with this number, or the newest batch with this name.

        Raises:
            NotFoundError: There is no such batch.
        """
        program = self._program
        stored = await (program.get(name) if isinstance(name, int) else program.batch(name))
        return of_parts(await program.parts_of(stored))

    async def batches(self) -> list[Batch[Any]]:
        """Returns every batch in the queue, the oldest first."""
        return [of_parts(parts) for parts in await self._program.all_with_parts()]

    async def report(
        self, batch: Batch[Any] | None = None, *, by_model: bool = False
    ) -> list[CallDay]:
        """Returns the calls by quota day and account, of `batch` or of all batches."""
        stored = None if batch is None else batch.stored
        days = await self._program.ledger.days(batch=stored, by_model=by_model)
        return [call_day_of(day) for day in days]

    async def quality(self, batch: Batch[Any]) -> Quality:
        """Returns the agreement of votes, with the right answers (`gold`), and of packed rows."""
        return await self._program.quality(batch.stored)

    async def quota(self) -> list[Allowance]:
        """Returns every allowance, with the remaining amount and the time of its reset."""
        return [allowance_of(line) for line in await self._program.quota()]

    async def retry(self, batch: Batch[Any]) -> int:
        """Queues the failed rows again; returns their number.

        Raises:
            OutputError: The rows are queued, but the output cannot be written.
        """
        queued = await self._program.retry(batch.stored)
        await self.refresh(batch)
        return queued

    async def pause(self, batch: Batch[Any]) -> None:
        """Pauses the batch: no process starts more calls for it.

        Raises:
            OutputError: The batch is paused, but the output cannot be written.
        """
        await self._set_state(batch, BatchState.PAUSED)

    async def resume(self, batch: Batch[Any]) -> None:
        """Activates a paused or cancelled batch, so that a run continues it.

        Raises:
            OutputError: The batch is active, but the output cannot be written.
        """
        await self._set_state(batch, BatchState.ACTIVE)

    async def cancel(self, batch: Batch[Any]) -> None:
        """Cancels the remaining rows of the batch; its results are kept.

        Raises:
            OutputError: The batch is cancelled, but the output cannot be written.
        """
        await self._set_state(batch, BatchState.CANCELLED)

    def stop(self) -> None:
        """Stops every run in the background; calls in flight may finish."""
        for run in self._started:
            run.stop()

    async def _set_state(self, batch: Batch[Any], state: BatchState) -> None:
        await self._program.set_state(batch.stored, state)
        await self.refresh(batch)

    def _begin(
        self, batch: Batch[Any], *, wait: bool, pace: PaceName | None, tell: OnProgress | None
    ) -> BackgroundRun:
        run = BackgroundRun(partial(self._drain, batch, wait=wait, pace=pace, tell=tell))
        self._started = [each for each in self._started if not each.over] + [run]
        self._tasks.start_soon(run.run)
        return run

    async def _drain(
        self,
        batch: Batch[Any],
        watcher: Watcher | None = None,
        on_start: OnStart | None = None,
        *,
        wait: bool,
        pace: PaceName | None,
        tell: OnProgress | None,
    ) -> None:
        """Runs the remaining jobs of the batch, if there are any."""
        await self.refresh(batch)
        reporter = None
        if tell is not None:
            reporter = ProgressReporter(batch.parts, tell, watcher)
            watcher, on_start = reporter, reporter.on_start(on_start)
        if not batch.done:
            waits = WaitsFor.ALLOWANCE if wait else WaitsFor.CALLS
            run_pace = Pace(pace) if pace is not None else None if wait else Pace.ASAP
            run = partial(self._program.run, watcher=watcher, on_start=on_start)
            await run(only=batch.stored, waits_for=waits, pace=run_pace)
        if reporter is None:
            return
        if reporter.failure is None:
            parts = (await self.refresh(batch)).parts
            reporter.tell(progress_of(parts, self._program.now()))
        if reporter.failure is not None:
            raise reporter.failure

    async def _results(self, job: Job[T], rows: list[RowResult]) -> list[Result[T]]:
        jobs = [vote.job_id for row in rows for vote in row.votes]
        async with self._program.reading() as connection:
            invalid = await failures.invalid_replies_of(connection, jobs)
        return [result_of(row, job, invalid) for row in rows]
