"""The program behind the commands: one open database, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

from runner.app import accounts
from runner.app.credits import Purchase
from runner.app.engine_host import EngineHost, OnStart
from runner.app.forecasting import Forecaster
from runner.app.ledger_reports import LedgerReports
from runner.app.responses import QuotaLine, Ran, Status, Submitted
from runner.app.reuse_policy import DEFAULT_REUSE, ReusePolicy
from runner.app.status import StatusReader
from runner.clock import Clock, SystemClock, moment
from runner.core.forecast import Forecast
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.window import Window
from runner.settings import Settings
from runner.store import set_aside
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.migrate import copy_to
from runner.store.opening import open_database
from runner.store.set_aside import SetAside

if TYPE_CHECKING:
    import httpx

    from runner.app.gateway import Gateway
    from runner.app.notifying import Sent
    from runner.app.reporting import Wanted
    from runner.app.submission import Checked, OnProgress
    from runner.app.suggestions import Suggestion
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
        yield Application(settings, database, clock or SystemClock(), host, environ)


class Application(LedgerReports):
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
        self._host = host
        self._environ = environ
        self._forecaster = Forecaster(accounts.accounts_of(settings), accounts.rules_for(settings))
        self._status = StatusReader(database, settings, self._forecaster)

    def now(self) -> int:
        """The present moment (ms since the epoch), in virtual time where that passes."""
        return self._clock.now()

    async def submit(
        self,
        checked: Checked,
        on_progress: OnProgress | None = None,
        policy: ReusePolicy = DEFAULT_REUSE,
    ) -> Submitted:
        """Queue a checked dataset, or find the batch that it is already.

        Args:
            checked: What `check_submission` found right.
            on_progress: Called with the rows queued so far and the rows in all.
            policy: Which answers of earlier batches are used.

        Raises:
            ConfigError: No account serves its model, or takes its requests; nothing is queued.
            NotFoundError: See `queueing.submit`.
        """
        from runner.app import queueing, submission  # noqa: PLC0415 - a status needs no job files
        from runner.app.lineage import resemblance  # noqa: PLC0415

        self._forecaster.routes(checked.jobfile.job.choices)
        accounts.require_endpoint(self.settings, checked.url)
        watch = on_progress or submission.unseen_progress
        queued = await queueing.submit(
            self._database, policy.apply(checked), self._clock.now(), watch, policy
        )
        batch, old = queued.batch, queued.replaces
        family = await self.family(batch)
        models = list(dict.fromkeys(model for part in family for model in part.models))
        calls = sum(part.calls_needed for part in family)
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
        wait: bool | Literal["forever"] = True,
        pace: Pace | None = None,
        watcher: Watcher | None = None,
        signals: bool = False,
        patience_ms: int | None = None,
        forecasts: bool = True,
        observer: Observer | None = None,
        on_start: OnStart | None = None,
    ) -> Ran:
        """Drain the queue, or one batch of it.

        Args:
            only: The batch to work on, with its parts; None for all.
            wait: Whether to sleep until the reset; ``forever``: also until more is queued.
            pace: How to spend a day's budget; as configured unless given.
            watcher: Shown what happens.
            signals: Whether SIGINT and SIGTERM stop the run, the second one at once. Such a run
                waits, with nothing else to do, until a paused batch is resumed.
            patience_ms: How long to go on while no row is brought to an end; None: for ever.
            forecasts: Whether the watcher is told when all will be finished.
            observer: Shown what was said in each call.
            on_start: Given what winds the run up when it is called, before anything is sent.

        Raises:
            UnauthorisedError: The provider refuses the token or the account.
            ConfigError: A token or a base URL is missing, or no account serves any batch.
        """
        from runner.engine.run import RunOptions  # noqa: PLC0415 - only a run needs it

        chosen = None if only is None else frozenset(b.id for b in await self.family(only))
        in_play = [batch for batch in await self.batches() if _in_play(batch, chosen)]
        unserved = self._unserved(in_play)
        options = RunOptions(
            only=chosen,
            rules=accounts.rules_for(self.settings, pace),
            wait=bool(wait),
            hold=bool(wait) and signals,
            forever=wait == "forever",
            held=tuple(b for b in in_play if _is_held(b) and b.id not in unserved),
            patience_ms=patience_ms,
            forecasts=forecasts,
            watcher=watcher,
            observer=observer,
        )
        return await self._drain(options, in_play, unserved, on_start, signals=signals)

    async def _drain(
        self,
        options: RunOptions,
        in_play: Sequence[Batch],
        unserved: dict[int, tuple[str, ...]],
        on_start: OnStart | None,
        *,
        signals: bool,
    ) -> Ran:
        """Run, with outputs kept up to date, and with people told where somebody can signal it."""
        from runner.app.attendance import Attendance  # noqa: PLC0415 - only a run

        touched = {batch.id for batch in in_play}
        helpers = Attendance(self, self.quota, self.settings, self._environ, self._clock.now())
        async with helpers.watching(options, touched, attended=signals) as (watched, written):
            ending, waiting = await self._host.run(watched, on_start, signals=signals)
        worked_on = [batch for batch in await self.batches() if batch.id in touched]
        return Ran(ending, tuple(worked_on), waiting, unserved, tuple(written))

    async def watched(self) -> list[Progress]:
        """How the runs of all processes stand, as far as they tell."""
        return await self._status.watched(self._clock.now())

    async def notify_test(self) -> list[Sent]:
        """Send an event every way that is configured, and say how that went."""
        from runner.app.events import sample  # noqa: PLC0415 - seldom needed
        from runner.app.notifying import send  # noqa: PLC0415

        return await send(sample(self._clock.now()), self.settings.notify, self._environ)

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

    def gateway(self) -> Gateway:
        """What clients of `midnight serve` can ask for."""
        from runner.app.gateway import Gateway  # noqa: PLC0415 - only a server has clients

        return Gateway(
            self.settings, self._database, self._clock, self._host, self._status.finish_times
        )

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

    async def report_page(self, wanted: Wanted) -> str:
        """The ledger as one HTML page, with charts."""
        from runner.app.report_extras import extras  # noqa: PLC0415 - only a report page
        from runner.app.report_page import page  # noqa: PLC0415

        found = await self.ledger_report(wanted)
        more = await extras(self.reading, wanted, await self.status())
        if wanted.batch is not None:
            more = replace(more, quality=await self.quality(wanted.batch))
        return page(found, more, moment(self._clock.now()))

    async def answered_before(self, fingerprints: Sequence[bytes]) -> set[bytes]:
        """Which of what is to be asked has been answered, in whichever batch."""
        from runner.store import reuse  # noqa: PLC0415 - only a plan

        async with self._database.read() as connection:
            return await reuse.answered_before(connection, fingerprints)

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
    return not (batch.over or batch.is_trial)


def _is_held(batch: Batch) -> bool:
    """Whether a person has paused it, who may resume it."""
    return batch.state is BatchState.PAUSED and not batch.pause_reason and not batch.done


def _wants_calls(batch: Batch) -> bool:
    """Whether a run would make calls for this batch."""
    return batch.state in (BatchState.ACTIVE, BatchState.LOADING) and not batch.done
