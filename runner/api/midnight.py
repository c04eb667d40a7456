"""The queue for Python users: submit rows, run, and take each result as it comes.

It decides nothing: it gives Python's types to `runner.app.application`, and joins a run to the
results that it brings.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import anyio
from anyio.abc import TaskGroup

from runner.api.background_run import BackgroundRun
from runner.api.batch import Batch
from runner.api.batch_progress import OnProgress, Teller, progress_of
from runner.api.figures import (
    Allowance,
    CallDay,
    Estimate,
    allowance_of,
    call_day_of,
    estimate_of,
)
from runner.api.job import Job, of_jobfile
from runner.api.progress_bar import progress_bar
from runner.api.result import Result, result_of
from runner.api.result_feed import ResultFeed
from runner.api.results import Results
from runner.api.rows import Rows, checked
from runner.api.simulator import Simulator
from runner.app import application
from runner.app.engine_host import OnStart
from runner.app.planning import make_plan
from runner.app.quality import Quality
from runner.app.rows import RowResult, results
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.engine.progress import Watcher
from runner.jobfile import JobFile
from runner.settings import load_settings
from runner.store import batch_rows

T = TypeVar("T")

# Results that come close together are read together.
_GATHER_S = 0.02

StrPath = str | os.PathLike[str]
PaceName = Literal["auto", "asap", "even"]


@asynccontextmanager
async def open_midnight(
    *,
    db: StrPath | None = None,
    config: StrPath | None = None,
    account: str | None = None,
    simulator: Simulator | None = None,
) -> AsyncIterator[Midnight]:
    """The queue, opened for as long as an ``async with`` block lasts.

    On the way out, runs in the background are stopped: calls in flight may end, none is started.

    Args:
        db: The database; the one that is configured, unless given. The command ``midnight`` has
            the same one, so each sees what the other does.
        config: The configuration file; ``midnight.toml``, unless given.
        account: The account to use; as configured, unless given.
        simulator: Stands in for the provider; then nothing else is read, and the database is
            thrown away unless `db` is given.

    Raises:
        ConfigError: The configuration is wrong.
        StoreError: The database cannot be used.
    """
    failure: Exception | None = None
    async with (
        _program(db, config, account, simulator) as found,
        anyio.create_task_group() as tasks,
    ):
        midnight = Midnight(found, tasks)
        try:
            yield midnight
        except Exception as error:  # noqa: BLE001 - raised below, as it is, not in a group
            failure = error
        midnight.stop()
    if failure is not None:
        raise failure


def _program(
    db: StrPath | None, config: StrPath | None, account: str | None, simulator: Simulator | None
) -> AbstractAsyncContextManager[application.Application]:
    if simulator is not None:
        return simulator.open(None if db is None else Path(db).absolute())
    settings = load_settings(
        db=None if db is None else Path(db),
        config=None if config is None else Path(config),
        account=account,
        environ=os.environ,
        cwd=Path.cwd(),
    )
    return application.open_application(settings)


class Midnight:
    """An open queue. Made by `open_midnight`."""

    def __init__(self, found: application.Application, tasks: TaskGroup) -> None:
        self._program = found
        self._tasks = tasks
        self._started: list[BackgroundRun] = []

    async def submit(self, job: Job[T], rows: Rows) -> Batch[T]:
        """Queue every row, or find the batch that they are already; nothing is spent.

        Args:
            job: What to ask of each.
            rows: Mappings, from a list or a generator; a table of pandas, Polars or PyArrow; or
                the path of a dataset, or a pattern of paths. Memory stays flat.

        Raises:
            InputError: A row cannot be used; nothing is queued.
            JobFileError: The job reads what the rows lack.
        """
        async with checked(job.jobfile, rows) as found:
            submitted = await self._program.submit(found)
        family = await self._program.family(submitted.batch)
        return Batch(family, job, created=submitted.created)

    async def plan(self, job: Job[Any], rows: Rows) -> Estimate:
        """What a batch would cost: calls, tokens, days. Nothing is queued or spent.

        Raises:
            InputError: A row cannot be used.
            JobFileError: The job reads what the rows lack.
        """
        async with checked(job.jobfile, rows) as found:
            foretell = partial(self._program.forecast, found.jobfile.job.choices)
            return estimate_of(await make_plan(found, foretell, self._program.answered_before))

    async def results(
        self,
        batch: Batch[T],
        *,
        wait: bool = True,
        pace: PaceName | None = None,
        progress: bool | None = False,
        on_progress: OnProgress | None = None,
    ) -> AsyncGenerator[Result[T], None]:
        """Run the batch, and have each row's result as it comes, once.

        Those of earlier runs come first. It ends when every row has a result or a failure, or when
        the run cannot go on: `batch.left` then tells how many are left. Leaving the loop stops the
        run: calls in flight still end, nothing is lost, and the rest stays queued.

        Args:
            batch: Whose results. Its counts are kept up to date.
            wait: Whether to sleep until the reset when the allowance is spent; otherwise it ends.
            pace: ``auto``, ``asap`` or ``even``; as configured unless given. Without `wait`, the
                default is ``asap``.
            progress: Whether to draw a progress bar; None: in a terminal or a notebook.
            on_progress: Told how the batch stands, a few times a second while calls are made. What
                it raises stops the run, and is raised here.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: A token is missing, or no account serves the model.
        """
        family = await self._program.family(batch.stored)
        feed = ResultFeed(self._program.reading, family)
        with progress_bar(on_progress, wanted=progress) as tell:
            run = self._begin(batch, wait=wait, pace=pace, tell=tell)
            try:
                over = False
                while not over:
                    over, changed = run.over, run.next_change()
                    while found := await feed.next_page():
                        await self.refresh(batch)
                        for result in await self._results(batch.job, found):
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
        """Run the batch until every row has a result or a failure; the same batch, up to date.

        Args:
            batch: The batch.
            wait: As for `results`, as are the others.
            pace: How the day's budget is spread.
            progress: Whether to draw a progress bar.
            on_progress: Told how the batch stands.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: A token is missing, or no account serves the model.
        """
        with progress_bar(on_progress, wanted=progress) as tell:
            await self._drain(batch, wait=wait, pace=pace, tell=tell)
        return await self.refresh(batch)

    async def collect(self, batch: Batch[T]) -> Results[T]:
        """The results so far, one for each row in the order of the rows; nothing is run."""
        family = await self._program.family(batch.stored)
        found: Results[T] = Results()
        async for page in results(self._program.reading, family):
            found += await self._results(batch.job, page)
        return found

    async def export(self, batch: Batch[Any], path: StrPath, *, details: bool = False) -> int:
        """Write the results so far to a file, in the format of its suffix; the number of rows.

        Args:
            batch: Whose results.
            path: Where to; a file that is there is replaced, whole or not at all.
            details: Whether to add the account, the call and the reply of each row.

        Raises:
            OutputError: The file cannot be written; an older one is left as it was.
        """
        return await self._program.export(batch.stored, Path(path), details=details)

    async def refresh(self, batch: Batch[T]) -> Batch[T]:
        """Bring the batch up to date; it is the same object."""
        batch.family = tuple(await self._program.family(batch.stored))
        return batch

    async def batch(self, name: str | int) -> Batch[Any]:
        """The batch with this number, or the newest with this name, whoever queued it.

        Raises:
            NotFoundError: There is none.
        """
        stored = await self._program.batch(str(name))
        job = of_jobfile(JobFile.from_json(stored.job_json))
        return Batch(await self._program.family(stored), job)

    async def batches(self) -> list[Batch[Any]]:
        """Every batch in the queue, oldest first."""
        every = await self._program.batches()
        return [await self.batch(one.id) for one in every if one.part_of is None]

    async def report(
        self, batch: Batch[Any] | None = None, *, by_model: bool = False
    ) -> list[CallDay]:
        """The calls that were spent, by quota day and account; of `batch`, or of all."""
        stored = None if batch is None else batch.stored
        found = await self._program.report(batch=stored, by_model=by_model)
        return [call_day_of(day) for day in found]

    async def quality(self, batch: Batch[Any]) -> Quality:
        """How far answers agree: of votes, with the right ones (`gold`), packed with single."""
        return await self._program.quality(batch.stored)

    async def quota(self) -> list[Allowance]:
        """Every allowance: what is left of it, and when it comes back."""
        return [allowance_of(line) for line in await self._program.quota()]

    async def retry(self, batch: Batch[Any]) -> int:
        """Queue the rows that failed again; how many."""
        queued = await self._program.retry(batch.stored)
        await self.refresh(batch)
        return queued

    async def pause(self, batch: Batch[Any]) -> None:
        """Start no more calls for the batch, whoever runs it."""
        await self._set_state(batch, BatchState.PAUSED)

    async def resume(self, batch: Batch[Any]) -> None:
        """Let a batch that was paused or cancelled go on, when it is run."""
        await self._set_state(batch, BatchState.ACTIVE)

    async def cancel(self, batch: Batch[Any]) -> None:
        """Ask no more rows of the batch; its results stay."""
        await self._set_state(batch, BatchState.CANCELLED)

    def stop(self) -> None:
        """Stop every run in the background; calls in flight may end."""
        for run in self._started:
            run.stop()

    async def _set_state(self, batch: Batch[Any], state: BatchState) -> None:
        await self._program.set_state(batch.stored, state)
        await self.refresh(batch)

    def _begin(
        self, batch: Batch[Any], *, wait: bool, pace: PaceName | None, tell: OnProgress | None
    ) -> BackgroundRun:
        run = BackgroundRun(partial(self._drain, batch, wait=wait, pace=pace, tell=tell))
        self._started = [one for one in self._started if not one.over] + [run]
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
        """Run what is left of the batch, if anything is."""
        await self.refresh(batch)
        teller = None
        if tell is not None:
            teller = Teller(batch.family, tell, watcher)
            watcher, on_start = teller, teller.on_start(on_start)
        if not batch.done:
            how = Pace(pace) if pace is not None else None if wait else Pace.ASAP
            await self._program.run(
                only=batch.stored, wait=wait, pace=how, watcher=watcher, on_start=on_start
            )
        if teller is None:
            return
        if teller.failure is None:
            family = (await self.refresh(batch)).family
            teller.tell(progress_of(family, self._program.now()))
        if teller.failure is not None:
            raise teller.failure

    async def _results(self, job: Job[T], found: list[RowResult]) -> list[Result[T]]:
        jobs = [one.job_id for row in found for one in row.votes]
        async with self._program.reading() as connection:
            said = await batch_rows.invalid_replies_of(connection, jobs)
        return [result_of(row, job, said) for row in found]
