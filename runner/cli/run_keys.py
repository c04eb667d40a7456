"""The keys of a run on a terminal: q stops it as Ctrl-C does, p pauses and resumes its batches."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from runner.app.application import Application
from runner.cli.render.keys import Handlers
from runner.cli.render.live_screen import LiveScreen
from runner.core.states import BatchState
from runner.engine.progress import Progress
from runner.errors import RunnerError
from runner.language import _
from runner.store.batches import Batch

KEYS_HINT = _("q or Ctrl-C: finish the calls in flight and stop · p: pause, and go on")

# The time in ms after which a key without a visible effect may be pressed again.
LONGEST_MS = 15_000


class RunKeys:
    """A watcher that knows the batches of the run, so that keys can change them.

    Keys arrive from another thread; changes of the database are made in the event loop.
    """

    def __init__(self, midnight: Application, screen: LiveScreen) -> None:
        self._midnight = midnight
        self._screen = screen
        self._loop = asyncio.get_running_loop()
        self._latest: Progress | None = None
        self._changing: set[asyncio.Task[None]] = set()
        # The paused batches when a key was pressed, and the time; None once it has had its effect.
        self._asked: tuple[frozenset[int], int] | None = None

    @property
    def handlers(self) -> Handlers:
        """The handler of each key."""
        return {"q": stop, "p": self._change}

    def __call__(self, progress: Progress) -> None:
        """Stores the progress, and passes it on."""
        self._latest = progress
        if self._asked is not None:
            before, at = self._asked
            if before != _ids(progress.paused) or progress.at - at > LONGEST_MS:
                self._done()
        self._screen(progress)

    def _change(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        task = self._loop.create_task(self._pause_or_resume())
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    async def _pause_or_resume(self) -> None:
        """Resumes batches that the user has paused; if there are none, pauses the active ones."""
        if self._latest is None or self._latest.stopping or self._asked is not None:
            return
        paused = [batch for batch in self._latest.paused if not batch.pause_reason]
        wanted = BatchState.ACTIVE if paused else BatchState.PAUSED
        changed = _wholes(paused or self._latest.batches)
        if not changed:
            return
        self._asked = _ids(self._latest.paused), self._latest.at
        self._screen.say(_("going on…") if paused else _("pausing…"))
        try:
            for batch in changed:
                await self._midnight.set_state(batch, wanted, writes_output=False)
        except RunnerError:  # the run reports what is wrong with the database
            self._done()

    def _done(self) -> None:
        """Accepts keys again, and removes the note on the last one."""
        self._asked = None
        self._screen.say(None)


def stop() -> None:
    """Stops the run as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def _ids(batches: Sequence[Batch]) -> frozenset[int]:
    return frozenset(batch.id for batch in batches)


def _wholes(batches: list[Batch] | tuple[Batch, ...]) -> list[Batch]:
    """Returns the batches without their parts, whose state changes with them."""
    return [batch for batch in batches if batch.part_of is None] or list(batches)
