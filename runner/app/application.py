"""The program behind the commands: one open database, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from runner.app import accounts
from runner.app.credits import Purchase
from runner.app.engine_host import EngineHost, OnStart
from runner.app.forecasting import Forecaster
from runner.app.responses import QuotaLine, Ran, Status, Submitted
from runner.app.status import StatusReader
from runner.clock import Clock, SystemClock
from runner.core.forecast import Forecast
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.window import Window
from runner.errors import NotFoundError
from runner.settings import Settings
from runner.store import batches, reports, set_aside
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.migrate import copy_to
from runner.store.opening import open_database
from runner.store.reports import DayReport
from runner.store.set_aside import SetAside

if TYPE_CHECKING:
    import httpx

    from runner.app.quality import Quality
    from runner.app.rows import Reading, RowResult
    from runner.app.submission import Checked
    from runner.app.submission import Progress as OnProgress
    from runner.app.suggestions import Suggestion
    from runner.engine.call import Observer
    from runner.engine.progress import Watcher
    from runner.store.batch_rows import Failure


@asynccontextmanager
async def open_application(
    settings: Settings,
    *,
    environ: Mapping[str, str] = os.environ,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    random: Random | None = None,
    virtual: bool = False,
    on_upgrade: Callable[[Path], None] | None = None,
) -> AsyncIterator[Application]:
    """Open the database, bringing it up to date.

    Args:
        settings: Which database, accounts and pace.
        environ: Where tokens are looked up.
        clock: The machine's, unless a virtual one is given.
        transport: What stands in for the network, if anything.
        random: Draws the jitter.
        virtual: Whether the loop's time is virtual; the database is then called inline, and
            need not survive a power cut.
        on_upgrade: Told, before an old database is migrated, where a copy of it is kept.

    Raises:
        StoreError: The database cannot be used.
    """
    async with (
        open_database(
            settings.db, inline=virtual, durable=not virtual, on_upgrade=on_upgrade
        ) as database,
        EngineHost(settings, database, environ, clock or SystemClock(), transport, random) as host,
    ):
        yield Application(settings, database, clock or SystemClock(), host)


class Application:
    """What one can ask for. Made by `open_application`."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, host: EngineHost
    ) -> None:
        self.settings = settings
        self._database = database
        self._clock = clock
        self._host = host
        self._forecaster = Forecaster(accounts.accounts_of(settings), accounts.rules_for(settings))
        self._status = StatusReader(database, settings, self._forecaster)

    @property
    def reading(self) -> Reading:
        """Opens a short read of the database."""
        return self._database.read

    async def submit(self, checked: Checked, on_progress: OnProgress | None = None) -> Submitted:
        """Queue a checked dataset, or find the batch that it is already.

        Args:
            checked: What `check_submission` found right.
            on_progress: Called with the rows queued so far and the rows in all.

        Raises:
            ConfigError: No account serves its model; nothing is queued.
        """
        from runner.app import queueing, submission  # noqa: PLC0415 - a status needs no job files

        self._forecaster.routes(checked.jobfile.job.choices)
        watch = on_progress or submission.unseen_progress
        batch, created = await queueing.submit(self._database, checked, self._clock.now(), watch)
        family = await self.family(batch)
        models = list(dict.fromkeys(model for part in family for model in part.models))
        calls = sum(part.calls_needed for part in family)
        return Submitted(batch, created, await self.forecast(models, calls, batch.calls_left))

    async def run(
        self,
        *,
        only: Batch | None = None,
        wait: bool = True,
        pace: Pace | None = None,
        watcher: Watcher | None = None,
        signals: bool = False,
        patience_ms: int | None = None,
        observer: Observer | None = None,
        on_start: OnStart | None = None,
    ) -> Ran:
        """Drain the queue, or one batch of it.

        Args:
            only: The batch to work on, with its parts; None for all.
            wait: Whether to sleep until the reset when the allowance is spent.
            pace: How to spend a day's budget; as configured unless given.
            watcher: Shown what happens.
            signals: Whether SIGINT and SIGTERM stop the run; the second one at once.
            patience_ms: How long to go on while no row is brought to an end; None: for ever.
            observer: Shown what was said in each call.
            on_start: Given what winds the run up when it is called, before anything is sent.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: A token or a base URL is missing, or no account serves any batch.
        """
        chosen = None if only is None else frozenset(b.id for b in await self.family(only))
        in_play = [batch for batch in await self.batches() if _in_play(batch, chosen)]
        unserved = self._unserved(in_play)
        touched = {batch.id for batch in in_play}

        from runner.engine.run import RunOptions  # noqa: PLC0415 - only a run needs it

        rules = accounts.rules_for(self.settings, pace)
        options = RunOptions(chosen, rules, wait, patience_ms, watcher, observer)
        ending, waiting = await self._host.run(options, on_start, signals=signals)
        worked_on = [batch for batch in await self.batches() if batch.id in touched]
        return Ran(ending, tuple(worked_on), waiting, unserved)

    def _unserved(self, in_play: Sequence[Batch]) -> dict[int, tuple[str, ...]]:
        """The models of each batch that no account serves; it stops no other batch.

        Raises:
            ConfigError: No account serves any of the batches that would be run.
        """
        missing = {b.id: b.models for b in in_play if not self._forecaster.serves(b)}
        wanted = [batch for batch in in_play if _wants_calls(batch)]
        if wanted and all(batch.id in missing for batch in wanted):
            self._forecaster.routes(sorted({model for b in wanted for model in b.models}))
        return missing

    async def batches(self) -> list[Batch]:
        """Every batch, oldest first."""
        async with self._database.read() as connection:
            return await batches.list_batches(connection)

    async def family(self, batch: Batch) -> list[Batch]:
        """`batch` and its parts, if it is whole; else itself."""
        async with self._database.read() as connection:
            return await batches.parts_of(connection, batch.id)

    async def batch(self, name: str) -> Batch:
        """The batch with this id, or else the newest with this name.

        Raises:
            NotFoundError: There is none.
        """
        known = await self.batches()
        by_id = [batch for batch in known if str(batch.id) == name]
        by_name = [batch for batch in reversed(known) if batch.name == name]
        for batch in (*by_id, *by_name):
            return batch
        listed = ", ".join(f"{batch.id} ({batch.name})" for batch in known[-10:])
        remedy = f"one of: {listed}" if listed else "queue one with: midnight submit JOBFILE INPUT"
        raise NotFoundError(f"no batch {name!r}", remedy=remedy)

    async def status(self) -> Status:
        """Every batch, what it waits for, and the windows."""
        return await self._status.status(self._clock.now())

    async def forecast(
        self, models: Sequence[str], calls: int, most: int | None = None
    ) -> Forecast:
        """When so many calls to any of `models` would be done, if they started now.

        `most` is how many of them the user allows; None: all.
        """
        return await self._status.forecast(models, calls, most, self._clock.now())

    async def purchases(self, models: Sequence[str], rows_a_call: int) -> tuple[Purchase, ...]:
        """What the credits pay for by each route to `models`, as far as is known."""
        return await self._status.purchases(models, rows_a_call, self._clock.now())

    async def suggestions(
        self, models: Sequence[str], environ: Mapping[str, str] = os.environ
    ) -> tuple[Suggestion, ...]:
        """Other models that have more left, or cost less; the providers are asked, at no cost."""
        from runner.app.suggestions import suggest  # noqa: PLC0415 - a status asks nobody

        now = self._clock.now()
        return await suggest(
            self.settings,
            environ,
            models,
            lambda names, known: self._status.states(names, known, now),
        )

    async def windows(self, models: Sequence[str]) -> tuple[Window, ...]:
        """The windows that calls to any of `models` would touch now, each once."""
        return await self._status.windows(models, self._clock.now())

    async def quota(self) -> list[QuotaLine]:
        """The newest window of every quota, as it is or would be opened now."""
        return await self._status.quota(self._clock.now())

    async def report(
        self, *, batch: Batch | None = None, by_model: bool = False
    ) -> list[DayReport]:
        """The ledger, by quota day and account."""
        family = [part.id for part in await self.family(batch)] if batch else None
        async with self._database.read() as connection:
            return await reports.daily(connection, batch_ids=family, by_model=by_model)

    async def answered_before(self, fingerprints: Sequence[bytes]) -> set[bytes]:
        """Which of what is to be asked has been answered, in whichever batch."""
        from runner.store import enqueue  # noqa: PLC0415 - only a plan

        async with self._database.read() as connection:
            return await enqueue.answered_before(connection, fingerprints)

    async def quality(self, batch: Batch) -> Quality:
        """How far the answers of `batch` agree: votes, the right answers, packed against single."""
        from runner.app.quality import quality  # noqa: PLC0415 - only a report of a batch

        return await quality(self._database.read, await self.family(batch))

    async def export(
        self,
        batch: Batch,
        path: Path,
        on_progress: OnProgress | None = None,
        *,
        errors: Path | None = None,
        details: bool = False,
    ) -> int:
        """Write the results so far, in the input's order; how many rows there were.

        Of requests made for the OpenAI Batch API, a ``.jsonl`` file gets those that were answered,
        as that would write them, and another those that failed.

        Args:
            batch: Whose results; those of its votes are put together.
            path: Where to, in the format of its suffix.
            on_progress: Called with the rows written so far and the rows in all.
            errors: Where requests that failed go; ``OUT.errors.jsonl`` unless given.
            details: Whether to add the account, the call, and the reply of each row.

        Raises:
            OutputError: The file cannot be written; an older one is left as it was.
        """
        from runner.app import export, request_results, targets  # noqa: PLC0415 - only an export

        family, kind = await self.family(batch), targets.kind_of(batch)
        reading = self._database.read
        if targets.as_lines(kind, path):
            return await request_results.write_results(reading, family, path, errors, on_progress)
        return await export.write_results(
            reading, family, path, on_progress, vectors=kind == "embedding", details=details
        )

    async def rows(self, batch: Batch) -> AsyncIterator[RowResult]:
        """Every row that was queued, in the input's order, with what became of it."""
        from runner.app.rows import results  # noqa: PLC0415 - only those who look need it

        async for page in results(self._database.read, await self.family(batch)):
            for row in page:
                yield row

    async def failures(self, batch: Batch, limit: int = 100) -> list[Failure]:
        """The first failed rows of `batch` and its parts, and why."""
        from runner.store import batch_rows  # noqa: PLC0415 - only to show failures

        found: list[Failure] = []
        for part in await self.family(batch):
            async with self._database.read() as connection:
                found += await batch_rows.failures(connection, part, limit - len(found))
        return found

    async def retry(self, batch: Batch) -> int:
        """Queue the failed rows of `batch` and its parts again; how many."""
        from runner.store import results  # noqa: PLC0415 - only to retry

        retried = 0
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                again = await results.retry_failed(connection, part)
                if again and part.state is BatchState.PAUSED:
                    await batches.set_batch_state(connection, part.id, BatchState.ACTIVE)
                retried += again
        return retried

    async def set_state(self, batch: Batch, state: BatchState, reason: str = "") -> Batch:
        """Pause, resume or cancel `batch` and its parts. Rows in flight finish; nothing is lost."""
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                await batches.set_batch_state(connection, part.id, state, reason)
        return replace(batch, state=state, pause_reason=reason)

    async def set_aside(self) -> list[SetAside]:
        """The settlements that could not be stored, with their replies; oldest first."""
        async with self._database.read() as connection:
            return await set_aside.read(connection)

    async def forget_set_aside(self, found: Sequence[SetAside]) -> None:
        """Delete settlements that somebody has looked at."""
        async with self._database.write() as connection:
            await set_aside.forget(connection, [each.call_id for each in found])

    async def backup(self, target: Path) -> None:
        """Copy the database to `target` while it is in use."""
        await copy_to(self._database, target)

    async def check(self) -> list[str]:
        """What is wrong inside the database; empty if nothing is."""
        from runner.store import integrity  # noqa: PLC0415 - only to check

        async with self._database.read() as connection:
            return await integrity.defects(connection)


def _in_play(batch: Batch, only: frozenset[int] | None) -> bool:
    """Whether a run would concern itself with this batch."""
    if only is not None:
        return batch.id in only
    return batch.state is not BatchState.CANCELLED and not batch.done


def _wants_calls(batch: Batch) -> bool:
    """Whether a run would make calls for this batch."""
    return batch.state in (BatchState.ACTIVE, BatchState.LOADING) and not batch.done
