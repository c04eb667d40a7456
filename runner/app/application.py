"""The application: one open database, with its settings, its engine and the operations on it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from runner.app.accounts import accounts
from runner.app.accounts.credits import Purchase
from runner.app.batches.catalogue import Catalogue
from runner.app.batches.maintenance import Maintenance
from runner.app.reports.ledger_reports import LedgerReports
from runner.app.running.engine_host import EngineHost, OnStart
from runner.app.running.run_result import RunResult
from runner.app.status.forecasting import Forecaster
from runner.app.status.reader import StatusReader
from runner.app.status.status import QuotaLine, Status
from runner.app.submitting.reuse_policy import DEFAULT_REUSE, ReusePolicy
from runner.app.submitting.submitted import Submitted
from runner.clock import Clock, SystemClock
from runner.core.forecast import Forecast
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason, WaitsFor
from runner.core.window import Window
from runner.settings import Settings
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.opening import open_database

if TYPE_CHECKING:
    import httpx

    from runner.app.accounts.suggestions import Suggestion
    from runner.app.progress import OnProgress
    from runner.app.reports.full_report import FullReport
    from runner.app.reports.reporting import ReportQuery
    from runner.app.running.notifying import Sent
    from runner.app.serving.gateway import Gateway
    from runner.app.submitting.submission import Submission
    from runner.engine.call import Observer
    from runner.engine.progress import Progress, Watcher
    from runner.engine.run import RunOptions


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
    """Opens the database, migrating it if necessary, and yields the application.

    Args:
        settings: The database, the accounts and the rules for spending.
        environ: Environment variables; the source of tokens.
        clock: The clock; by default the machine's.
        transport: Replaces the network, if given.
        random: The source of jitter.
        virtual: Whether the event loop's time is virtual; database calls then run inline and are
            not synced to disk.
        on_upgrade: Called before an old database is migrated, with the path of its backup.

    Raises:
        StoreError: The database cannot be used.
    """
    clock = clock or SystemClock()
    async with (
        open_database(
            settings.db, inline=virtual, durable=not virtual, on_upgrade=on_upgrade
        ) as database,
        EngineHost(settings, database, environ, clock, transport, random) as host,
    ):
        yield Application(settings, database, clock, host, environ)


class Application(Catalogue):
    """What one can ask for. Made by `open_application`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        host: EngineHost,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(database, clock)
        self.settings = settings
        self.ledger = LedgerReports(database, clock)
        self.maintenance = Maintenance(database)
        self._host = host
        self._environ = environ
        self._forecaster = Forecaster(accounts.accounts_of(settings), accounts.rules_for(settings))
        self._status = StatusReader(database, settings, self._forecaster)

    def now(self) -> int:
        """Returns the current time (ms since the epoch), virtual if the clock is."""
        return self._clock.now()

    async def submit(
        self,
        submission: Submission,
        on_progress: OnProgress | None = None,
        policy: ReusePolicy = DEFAULT_REUSE,
    ) -> Submitted:
        """Queues a checked dataset, or returns the batch if it is queued already.

        Args:
            submission: The result of `check_submission`.
            on_progress: Called with the number of rows queued so far and the total.
            policy: Which answers of earlier batches are reused.

        Raises:
            ConfigError: No account serves its models or offers its endpoint; nothing is queued.
            NotFoundError: As `queueing.submit` raises it.
        """
        from runner.app.progress import unseen_progress
        from runner.app.submitting import queueing  # a status needs no job files
        from runner.app.submitting.lineage import resemblance

        self._forecaster.routes(submission.jobfile.job.choices)
        accounts.require_endpoint(self.settings, submission.url)
        watch = on_progress or unseen_progress
        queued = await queueing.submit(self._database, submission, self._clock.now(), watch, policy)
        batch, old = queued.batch, queued.replaces
        parts = await self.parts_of(batch)
        models = list(dict.fromkeys(model for part in parts for model in part.models))
        calls = sum(part.calls_needed for part in parts)
        return Submitted(
            batch,
            queued.created,
            await self.forecast(models, calls, batch.calls_left),
            None if old is None else resemblance(old, batch, batch.counts.succeeded),
            queued.retried,
        )

    async def run(  # noqa: PLR0913 - each is worth its name
        self,
        *,
        only: Batch | None = None,
        waits_for: WaitsFor = WaitsFor.ALLOWANCE,
        pace: Pace | None = None,
        watcher: Watcher | None = None,
        attended: bool = False,
        patience_ms: int | None = None,
        forecasts: bool = True,
        observer: Observer | None = None,
        on_start: OnStart | None = None,
    ) -> RunResult:
        """Processes the queue, or one batch of it.

        Args:
            only: The batch to process, with its parts; None for all.
            waits_for: What to wait for when no call can be made.
            pace: How to spend a day's budget; by default as configured.
            watcher: Called with the progress.
            attended: Whether a person has started the run. SIGINT and SIGTERM then stop it, a
                second one at once; it publishes its progress to other processes, and sends
                notifications.
            patience_ms: The longest time without a finished row; None: no limit.
            forecasts: Whether the progress has a forecast.
            observer: Called with the request and the reply of each call.
            on_start: Called before anything is sent, with a function that stops the run.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: A token or a base URL is missing, or no account serves any batch.
        """
        from runner.engine.run import RunOptions  # only a run needs it

        chosen = None if only is None else frozenset(b.id for b in await self.parts_of(only))
        in_play = [batch for batch in await self.batches() if _in_play(batch, chosen)]
        unserved = self._unserved(in_play)
        options = RunOptions(
            only=chosen,
            rules=accounts.rules_for(self.settings, pace),
            waits_for=waits_for,
            held=tuple(b for b in in_play if _is_held(b) and b.id not in unserved),
            patience_ms=patience_ms,
            forecasts=forecasts,
            watcher=watcher,
            observer=observer,
        )
        return await self._drain(options, in_play, unserved, on_start, attended=attended)

    async def _drain(
        self,
        options: RunOptions,
        in_play: Sequence[Batch],
        unserved: dict[int, tuple[str, ...]],
        on_start: OnStart | None,
        *,
        attended: bool,
    ) -> RunResult:
        """Runs the engine with the services that accompany a run, and collects its result."""
        from runner.app.running.run_services import RunServices  # only a run

        touched = {batch.id for batch in in_play}
        services = RunServices(self, self.quota, self.settings, self._environ, self._clock.now())
        async with services.running(options, touched, attended=attended) as (watched, keeper):
            stop_reason, waiting = await self._host.run(watched, on_start, signals=attended)
        worked_on = [batch for batch in await self.batches() if batch.id in touched]
        return RunResult(stop_reason, tuple(worked_on), waiting, unserved, keeper.outputs)

    async def run_for_clients(
        self, on_start: OnStart, watcher: Watcher | None = None, *, attended: bool = True
    ) -> StopReason:
        """Makes calls for clients and for the queue, until stopped; arguments are those of `run`.

        Raises:
            ConfigError: A token or a base URL is missing.
            RunnerError: As `run` raises it.
        """
        from runner.engine.run import RunOptions  # only a run needs it

        rules = accounts.rules_for(self.settings)
        options = RunOptions(rules=rules, waits_for=WaitsFor.CLIENTS, watcher=watcher)
        return (await self._drain(options, (), {}, on_start, attended=attended)).stop_reason

    async def watched(self) -> list[Progress]:
        """Returns the progress that the runs of all processes publish."""
        return await self._status.watched(self._clock.now())

    async def notify_test(self) -> list[Sent]:
        """Sends a test event through every configured channel; returns the outcomes."""
        from runner.app.running.events import sample  # seldom needed
        from runner.app.running.notifying import send

        return await send(sample(self._clock.now()), self.settings.notify, self._environ)

    def _unserved(self, in_play: Sequence[Batch]) -> dict[int, tuple[str, ...]]:
        """Returns, by batch, the models of batches that no account serves; other batches run.

        Raises:
            ConfigError: No account serves any of the batches that would be run.
        """
        missing = {b.id: b.models for b in in_play if not self._forecaster.serves(b)}
        runnable = [batch for batch in in_play if batch.is_unfinished]
        if runnable and all(batch.id in missing for batch in runnable):
            self._forecaster.routes(sorted({model for b in runnable for model in b.models}))
        return missing

    def gateway(self) -> Gateway:
        """Returns the operations for clients of `midnight serve`."""
        from runner.app.serving.gateway import Gateway  # only a server has clients

        return Gateway(
            self.settings, self._database, self._clock, self._host, self._status.finish_times
        )

    async def status(self) -> Status:
        """Returns every batch with its wait reason and forecast, and the quota windows."""
        return await self._status.status(self._clock.now())

    async def forecast(
        self, models: Sequence[str], calls: int, most: int | None = None
    ) -> Forecast:
        """Forecasts the end of `calls` calls to any of `models`, started now; `most` caps them."""
        return await self._status.forecast(models, calls, most, self._clock.now())

    async def ask_prices(self, models: Sequence[str]) -> None:
        """Requests the unknown prices of `models`, for later forecasts; no calls are spent."""
        bought = await self.purchases(models, 1)
        unknown = [(each.account, each.model) for each in bought if not each.price_known]
        if unknown:
            from runner.app.accounts.published_prices import prices_of  # not for a status

            known = await prices_of(self._host.open_endpoints(), unknown)
            published = {**self._status.published}
            for account, prices in known.items():
                published[account] = {**published.get(account, {}), **prices}
            self._status = replace(self._status, published=published)

    async def purchases(self, models: Sequence[str], rows_a_call: int) -> tuple[Purchase, ...]:
        """Returns what the credits pay for on each route to `models`, at the known prices."""
        return await self._status.purchases(models, rows_a_call, self._clock.now())

    async def suggestions(self, models: Sequence[str]) -> tuple[Suggestion, ...]:
        """Suggests other models with more allowance or a lower cost; no calls are spent."""
        from runner.app.accounts.suggestions import suggest  # a status asks nobody

        now = self._clock.now()
        opening = self._host.open_endpoints()
        return await suggest(
            opening, models, lambda names, known: self._status.states(names, known, now)
        )

    async def windows(self, models: Sequence[str]) -> tuple[Window, ...]:
        """Returns the windows, without duplicates, that calls to any of `models` would use now."""
        return await self._status.windows(models, self._clock.now())

    async def quota(self) -> list[QuotaLine]:
        """Returns the newest window of every quota, as it is or would be opened now."""
        return await self._status.quota(self._clock.now())

    async def full_report(self, wanted: ReportQuery) -> FullReport:
        """Returns a report of the ledger with all that a page shows beside it."""
        from runner.app.reports.full_report import add_details  # only a report page

        report = await self.ledger.report(wanted)
        full = await add_details(self.reading, report, await self.status())
        quality = await self.quality(wanted.batch) if wanted.batch is not None else None
        return replace(full, quality=quality)

    async def answered_before(self, fingerprints: Sequence[bytes]) -> set[bytes]:
        """Returns those of `fingerprints` that any batch has an answer for."""
        from runner.store import reuse  # only a plan

        async with self._database.read() as connection:
            return await reuse.answered_before(connection, fingerprints)


def _in_play(batch: Batch, only: frozenset[int] | None) -> bool:
    """Whether a run that is limited to `only`, unless None, includes this batch."""
    if only is not None:
        return batch.id in only
    return not (batch.over or batch.is_trial)


def _is_held(batch: Batch) -> bool:
    """Whether a user has paused the batch and may resume it."""
    return batch.state is BatchState.PAUSED and not batch.pause_reason and not batch.done
