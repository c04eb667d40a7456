"""The keys of a run on a terminal: q stops it as Ctrl-C does, p pauses and resumes its batches."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from runner.app.application import Application
from runner.cli.render.keys import Handlers
from runner.core.states import BatchState
from runner.engine.progress import Progress, Watcher
from runner.errors import RunnerError
from runner.language import _
from runner.store.batches import Batch

KEYS_HINT = _("q or Ctrl-C: finish the calls in flight and stop · p: pause, and go on")


class RunKeys:
    """A watcher that knows what the run is about, so that keys can change it.

    Keys come from another thread; what they do to the database is done in the loop.
    """

    def __init__(self, midnight: Application, watcher: Watcher) -> None:
        self._midnight = midnight
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._latest: Progress | None = None
        self._changing: set[asyncio.Task[None]] = set()

    @property
    def handlers(self) -> Handlers:
        """What each key does."""
        return {"q": stop, "p": self._change}

    def __call__(self, progress: Progress) -> None:
        """Keep the progress, and show it."""
        self._latest = progress
        self._watcher(progress)

    def _change(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        task = self._loop.create_task(self._pause_or_resume())
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    async def _pause_or_resume(self) -> None:
        """Resume what a person has paused; if nothing is, pause what is being worked on."""
        if self._latest is None or self._latest.stopping:
            return
        held = [batch for batch in self._latest.paused if not batch.pause_reason]
        wanted = BatchState.ACTIVE if held else BatchState.PAUSED
        with suppress(RunnerError):  # the run itself tells what is wrong with the database
            for batch in _wholes(held or self._latest.batches):
                await self._midnight.set_state(batch, wanted)


def stop() -> None:
    """Stop the run as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def _wholes(found: list[Batch] | tuple[Batch, ...]) -> list[Batch]:
    """The batches themselves, without parts, whose state changes with them."""
    return [batch for batch in found if batch.part_of is None] or list(found)
