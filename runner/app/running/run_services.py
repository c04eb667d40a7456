"""Services that accompany a run: output files, published progress and notifications.

They observe the run through its watcher. A run of a Python program has the output files only: the
program can observe the run itself.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from runner import invocation
from runner.app.batches.catalogue import Catalogue
from runner.app.results.output_keeper import OutputKeeper, with_output
from runner.app.running.events import EventFinder
from runner.app.running.notifying import Notifier
from runner.app.running.sent_events import SentEvents
from runner.app.status import publishing
from runner.app.status.publishing import Publisher
from runner.app.status.status import QuotaLine
from runner.core.stop_reason import WaitsFor
from runner.engine.run import RunOptions
from runner.errors import RunnerError
from runner.settings import DEFAULT, Settings
from runner.store.batches import Batch
from runner.threads import beside


class RunServices:
    """The services of one run, which started at `since` (ms since the epoch)."""

    def __init__(
        self,
        catalogue: Catalogue,
        quota: Callable[[], Awaitable[list[QuotaLine]]],
        settings: Settings,
        environ: Mapping[str, str],
        since: int,
    ) -> None:
        self._catalogue = catalogue
        self._quota = quota
        self._settings = settings
        self._environ = environ
        self._since = since
        self._database = catalogue.database_path

    @asynccontextmanager
    async def running(
        self, options: RunOptions, touched: Collection[int], *, attended: bool
    ) -> AsyncIterator[tuple[RunOptions, OutputKeeper]]:
        """Provides the services while the block runs.

        Args:
            options: The options of the run.
            touched: The ids of the batches that the run includes when it starts.
            attended: Whether a person has started the run; False: a Python program has.

        Yields:
            The options to run with, whose watcher feeds the services; and the keeper of the output
            files, which writes them for the last time when the block ends.
        """
        if not attended:
            async with self._outputs_kept(options, touched) as prepared:
                yield prepared
            return
        path = publishing.place(self._database, os.getpid())
        publisher = Publisher(path, self._since, options.watcher)
        try:
            async with (
                self._notified(replace(options, watcher=publisher)) as notified,
                self._outputs_kept(notified, touched) as prepared,
            ):
                yield prepared
        finally:
            publisher.close()

    @asynccontextmanager
    async def _notified(self, options: RunOptions) -> AsyncIterator[RunOptions]:
        """Sends notifications if a channel is set; yields options with the notifier as watcher."""
        if not self._settings.notify:
            yield options
            return
        notifier = Notifier(
            EventFinder(_options(self._settings), options.waits_for >= WaitsFor.ALLOWANCE),
            self._settings.notify,
            self._environ,
            SentEvents(publishing.folder(self._database) / "sent-events"),
            self._catalogue.batches,
            self._quota,
            options.watcher,
        )
        try:
            async with beside(notifier.work):
                yield replace(options, watcher=notifier)
        except Exception:
            await notifier.finish()
            raise
        await notifier.finish()

    @asynccontextmanager
    async def _outputs_kept(
        self, options: RunOptions, touched: Collection[int]
    ) -> AsyncIterator[tuple[RunOptions, OutputKeeper]]:
        """Writes the output files of the batches during the run and at its end.

        Yields the options with the keeper as the watcher, and the keeper.
        """
        before = await self._catalogue.batches()
        done_before = {batch.id for batch in before if batch.done}
        has_outputs = any(batch.output for batch in before if batch.id in touched)

        async def find() -> list[Batch]:
            if options.only is not None:
                every = await self._catalogue.batches() if has_outputs else []
            else:
                every = [b for b in await self._catalogue.batches() if b.id not in done_before]
            return with_output(every, options.only)

        keeper = OutputKeeper(
            find, self._catalogue.parts_of, self._catalogue.write_output, options.watcher
        )
        try:
            async with beside(keeper.keep_up):
                yield replace(options, watcher=keeper), keeper
        except Exception:
            with suppress(RunnerError):  # the run reports what is wrong with the database
                await keeper.write_changed()
            raise
        await keeper.write_changed()


def _options(settings: Settings) -> tuple[invocation.Option, ...]:
    """Returns the options with which a command finds this database from any working directory."""
    places = (("db", settings.db), ("config", settings.config))
    return tuple((f"--{key}", at) for key, at in places if settings.origins[key] != DEFAULT)
