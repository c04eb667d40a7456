"""The program behind the commands: one open database, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import orjson

from runner.app import accounts
from runner.app.answers import BatchStatus, QuotaLine, Ran, Status, Submitted
from runner.clock import Clock, SystemClock
from runner.core import schedule
from runner.core.forecast import Forecast, forecast
from runner.core.model import BatchState
from runner.core.pacing import Pace
from runner.core.quota import Quota, Window
from runner.core.schedule import Lane, Wait, Waiting
from runner.errors import NotFoundError
from runner.runtime.view import View, look
from runner.settings import Settings
from runner.store import ledger, queue, reports, runners
from runner.store.database import Database, open_database
from runner.store.migrate import copy_to
from runner.store.queue import Batch
from runner.store.reports import DayReport, Failure

if TYPE_CHECKING:
    import httpx

    from runner.app.submission import Checked, Progress
    from runner.runtime.progress import Watcher

EXPORT_PAGE = 1_000


@asynccontextmanager
async def open_midnight(
    settings: Settings,
    *,
    environ: Mapping[str, str] = os.environ,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    chance: Random | None = None,
    virtual: bool = False,
) -> AsyncIterator[Midnight]:
    """Open the database, bringing it up to date.

    Args:
        settings: Which database, accounts and pace.
        environ: Where tokens are looked up.
        clock: The machine's, unless a virtual one is given.
        transport: What stands in for the network, if anything.
        chance: Draws the jitter.
        virtual: Whether the loop's time is virtual; the database is then called inline, and
            need not survive a power cut.

    Raises:
        StoreError: The database cannot be used.
    """
    async with open_database(settings.db, inline=virtual, durable=not virtual) as database:
        yield Midnight(settings, database, environ, clock or SystemClock(), transport, chance)


class Midnight:
    """What one can ask for. Made by `open_midnight`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        environ: Mapping[str, str],
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        chance: Random | None,
    ) -> None:
        self.settings = settings
        self._database = database
        self._environ = environ
        self._clock = clock
        self._transport = transport
        self._chance = chance
        self._quotas: tuple[Quota, ...] = accounts.quotas_of(settings)

    async def submit(self, checked: Checked, on_progress: Progress | None = None) -> Submitted:
        """Queue a checked dataset, or find the batch that it is already.

        Args:
            checked: What `check_submission` found right.
            on_progress: Called with the rows queued so far and the rows in all.
        """
        from runner.app import submission  # noqa: PLC0415 - a status needs no job files

        watch = on_progress or submission.unseen_progress
        batch, created = await submission.submit(self._database, checked, self._clock.now(), watch)
        windows = await self.windows(batch.model)
        left = batch.counts.unfinished
        return Submitted(batch, created, self._forecast(left, windows))

    async def run(
        self,
        *,
        only: int | None = None,
        wait: bool = True,
        pace: Pace | None = None,
        watcher: Watcher | None = None,
        signals: bool = False,
    ) -> Ran:
        """Drain the queue, or one batch of it.

        Args:
            only: The id of the batch to work on; None for all.
            wait: Whether to sleep until the reset when the allowance is spent.
            pace: How to spend a day's budget; as configured unless given.
            watcher: Shown what happens.
            signals: Whether SIGINT and SIGTERM stop the run; the second one at once.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: The token or the base URL is missing.
        """
        from runner.runtime.progress import nobody  # noqa: PLC0415 - only a run needs these
        from runner.runtime.service import Options, Service  # noqa: PLC0415
        from runner.runtime.signals import run_until_told  # noqa: PLC0415

        run = self.settings.run
        options = Options(pace or run.pace, wait, only, run.max_concurrency)
        touched = [batch.id for batch in await self.batches() if _in_play(batch, only)]
        async with accounts.open_endpoint(
            self.settings, self._environ, self._transport
        ) as endpoint:
            service = Service(
                self._database,
                endpoint,
                self._clock,
                options,
                chance=self._chance,
                watcher=watcher or nobody,
            )
            ending = await (run_until_told(service) if signals else service.run())
        batches = [batch for batch in await self.batches() if batch.id in touched]
        return Ran(ending, tuple(batches))

    async def batches(self) -> list[Batch]:
        """Every batch, oldest first."""
        async with self._database.read() as connection:
            return await queue.list_batches(connection)

    async def batch(self, name: str) -> Batch:
        """The batch with this id, or the newest with this name.

        Raises:
            NotFoundError: There is none.
        """
        known = await self.batches()
        for batch in reversed(known):
            if name in (str(batch.id), batch.name):
                return batch
        listed = ", ".join(f"{batch.id} ({batch.name})" for batch in known[-10:])
        remedy = f"one of: {listed}" if listed else "queue one with: midnight submit JOBFILE INPUT"
        raise NotFoundError(f"no batch {name!r}", remedy=remedy)

    async def status(self) -> Status:
        """Every batch, what it waits for, and the windows."""
        now = self._clock.now()
        async with self._database.read() as connection:
            view = await look(connection, self.settings.account, self._quotas, None, now, 0)
            batches = await queue.list_batches(connection)
        waiting = self._waiting(view, now)
        alive = await runners.alive(self._database)
        lines = tuple(
            BatchStatus(batch, waiting.get(batch.id), self._finish(batch, view))
            for batch in batches
        )
        windows = tuple(line.window for line in await self.quota())
        return Status(now, lines, windows, len(alive))

    async def windows(self, model: str) -> tuple[Window, ...]:
        """The windows that a call to `model` would touch now."""
        async with self._database.read() as connection:
            return await ledger.open_windows(
                connection, self.settings.account, model, self._quotas, self._clock.now(), 0
            )

    async def quota(self) -> list[QuotaLine]:
        """The newest window of every account and model, as it is or would be opened now."""
        now = self._clock.now()
        async with self._database.read() as connection:
            known = await reports.latest_windows(connection)
            own = [w.model for w in known if w.account == self.settings.account and w.model]
            windows = {
                (window.account, window.model): window
                for model in own or [""]
                for window in await ledger.open_windows(
                    connection, self.settings.account, model, self._quotas, now, 0
                )
                if window.model or not model or window.model == model
            }
        others = {(w.account, w.model): w for w in known}
        found = others | windows
        return [QuotaLine(found[key], found[key].resets_at - now) for key in sorted(found)]

    async def report(
        self, *, batch: Batch | None = None, by_model: bool = False
    ) -> list[DayReport]:
        """The ledger, by quota day and account."""
        async with self._database.read() as connection:
            only = batch.id if batch else None
            return await reports.daily(connection, batch_id=only, by_model=by_model)

    async def export(self, batch: Batch, path: Path, on_progress: Progress | None = None) -> int:
        """Write the results so far, in the input's order; how many rows there were.

        Raises:
            OutputError: The file cannot be written; an older one is left as it was.
        """
        from runner.files import open_output  # noqa: PLC0415 - only an export needs it

        written, last = 0, 0
        with open_output(path, orjson.loads(batch.columns_json)) as output:
            while page := await self._page(batch, last):
                for row in page:
                    output.write(row.payload, row.answer, row.model, row.state, row.error)
                written, last = written + len(page), page[-1].job_id
                if on_progress:
                    on_progress(written, batch.loaded)
        return written

    async def _page(self, batch: Batch, last: int) -> list[reports.ExportRow]:
        async with self._database.read() as connection:
            return await reports.export_page(connection, batch, last, EXPORT_PAGE)

    async def failures(self, batch: Batch, limit: int = 100) -> list[Failure]:
        """The first failed rows of `batch`, and why."""
        async with self._database.read() as connection:
            return await reports.failures(connection, batch, limit)

    async def retry(self, batch: Batch) -> int:
        """Queue the failed rows of `batch` again; how many."""
        async with self._database.write() as connection:
            retried = await queue.retry_failed(connection, batch)
            if retried and batch.state is BatchState.PAUSED:
                await queue.set_batch_state(connection, batch.id, BatchState.ACTIVE)
        return retried

    async def set_state(self, batch: Batch, state: BatchState, note: str = "") -> Batch:
        """Pause, resume or cancel `batch`. Rows in flight finish; nothing is lost."""
        async with self._database.write() as connection:
            await queue.set_batch_state(connection, batch.id, state, note)
        return replace(batch, state=state, note=note)

    async def backup(self, target: Path) -> None:
        """Copy the database to `target` while it is in use."""
        await copy_to(self._database, target)

    async def check(self) -> list[str]:
        """What is wrong inside the database; empty if nothing is."""
        async with self._database.read() as connection:
            return await reports.defects(connection)

    def _waiting(self, view: View, now: int) -> dict[int, Waiting]:
        lanes = {route: Lane(windows) for route, windows in view.windows.items()}
        decision = schedule.decide(view.works, lanes, self.settings.run.pace, now)
        reasons = decision.reasons if isinstance(decision, Wait) else ()
        return {reason.batch_id: reason for reason in reasons}

    def _finish(self, batch: Batch, view: View) -> Forecast | None:
        windows = view.windows.get((self.settings.account, batch.model))
        if windows is None or batch not in view.batches:
            return None
        return self._forecast(batch.counts.unfinished, windows)

    def _forecast(self, calls: int, windows: Sequence[Window]) -> Forecast:
        return forecast(calls, self._quotas, windows, self.settings.run.pace, self._clock.now())


def _in_play(batch: Batch, only: int | None) -> bool:
    """Whether a run would concern itself with this batch."""
    if only is not None:
        return batch.id == only
    return batch.state is not BatchState.CANCELLED and not batch.done
