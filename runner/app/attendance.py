"""Services that accompany a run: output files, published progress and notifications.

They observe the run through its watcher. A run of a Python program has the output files only: the
program can observe the run itself.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio

from runner import invocation
from runner.app import publishing
from runner.app.catalogue import Catalogue
from runner.app.events import EventFinder
from runner.app.notifying import Notifier
from runner.app.outputs import OutputKeeper, WrittenOutput, with_output
from runner.app.publishing import Publisher
from runner.app.responses import QuotaLine
from runner.app.sent_events import SentEvents
from runner.core.states import BatchState
from runner.engine.run import RunOptions
from runner.errors import RunnerError
from runner.settings import DEFAULT, Settings
from runner.store.batches import Batch


class Attendance:
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
    async def watching(
        self, options: RunOptions, touched: Collection[int], *, attended: bool
    ) -> AsyncIterator[tuple[RunOptions, list[WrittenOutput]]]:
        """Provides the services while the block runs.

        Args:
            options: The options of the run.
            touched: The ids of the batches that the run includes when it starts.
            attended: Whether a person has started the run; False: a Python program has.

        Yields:
            The options to run with, whose watcher feeds the services; and the list of written
            output files, which is filled at the end.
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
        """Pauses batches that fail too often, and sends notifications.

        Yields the options with the notifier as the watcher.
        """
        notifier = Notifier(
            EventFinder(
                int(self._settings.run.max_failed.removesuffix("%")) / 100,
                _options(self._settings),
                options.wait,
            ),
            self._settings.notify,
            self._environ,
            SentEvents(publishing.folder(self._database) / "sent-events"),
            lambda batch, reason: self._catalogue.set_state(batch, BatchState.PAUSED, reason),
            self._catalogue.batches,
            self._quota,
            options.watcher,
        )
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(notifier.work)
            try:
                yield replace(options, watcher=notifier)
            except Exception as error:  # noqa: BLE001 - raised below, in no group
                failure = error
            tasks.cancel_scope.cancel()
        await notifier.finish(failure)
        if failure is not None:
            raise failure

    @asynccontextmanager
    async def _outputs_kept(
        self, options: RunOptions, touched: Collection[int]
    ) -> AsyncIterator[tuple[RunOptions, list[WrittenOutput]]]:
        """Writes the output files of the batches during the run and at its end.

        Yields the options with the keeper as the watcher, and the list of written files, which is
        filled at the end.
        """
        written: list[WrittenOutput] = []
        has_outputs = any(b.output for b in await self._catalogue.batches() if b.id in touched)
        if options.only is not None and not has_outputs:
            yield options, written
            return

        async def find() -> list[Batch]:
            new = [
                b
                for b in await self._catalogue.batches()
                if options.only or b.id not in done_before
            ]
            return with_output(new, options.only)

        done_before = {b.id for b in await self._catalogue.batches() if b.done}
        keeper = OutputKeeper(
            find, self._catalogue.family, self._catalogue.write_output, options.watcher
        )
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.keep_up)
            try:
                yield replace(options, watcher=keeper), written
            except Exception as error:  # noqa: BLE001 - raised below, in no group
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            with suppress(RunnerError):  # the run reports what is wrong with the database
                await keeper.write_changed()
            raise failure
        written += await keeper.write_changed()


def _options(settings: Settings) -> tuple[invocation.Option, ...]:
    """Returns the options with which a command finds this database from any working directory."""
    places = (("db", settings.db), ("config", settings.config))
    return tuple((f"--{key}", at) for key, at in places if settings.origins[key] != DEFAULT)
