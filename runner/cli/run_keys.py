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

# A key that shows no effect for so long may be pressed again.
LONGEST_MS = 15_000


class RunKeys:
    """A watcher that knows what the run is about, so that keys can change it.

    Keys come from another thread; what they do to the database is done in the loop.
    """

    def __init__(self, midnight: Application, screen: LiveScreen) -> None:
        self._midnight = midnight
        self._screen = screen
        self._loop = asyncio.get_running_loop()
        self._latest: Progress | None = None
        self._changing: set[asyncio.Task[None]] = set()
        # What was paused when a key was pressed, and when that was; None: it has had its effect.
        self._asked: tuple[frozenset[int], int] | None = None

    @property
    def handlers(self) -> Handlers:
        """What each key does."""
        return {"q": stop, "p": self._change}

    def __call__(self, progress: Progress) -> None:
        """Keep the progress, and show it."""
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
        """Resume what a person has paused; if nothing is, pause what is being worked on."""
        if self._latest is None or self._latest.stopping or self._asked is not None:
            return
        held = [batch for batch in self._latest.paused if not batch.pause_reason]
        wanted = BatchState.ACTIVE if held else BatchState.PAUSED
        changed = _wholes(held or self._latest.batches)
        if not changed:
            return
        self._asked = _ids(self._latest.paused), self._latest.at
        self._screen.say(_("going on…") if held else _("pausing…"))
        try:
            for batch in changed:
                await self._midnight.set_state(batch, wanted)
        except RunnerError:  # the run itself tells what is wrong with the database
            self._done()

    def _done(self) -> None:
        """The run shows that the key has had its effect."""
        self._asked = None
        self._screen.say(None)


def stop() -> None:
    """As Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


def _ids(found: Sequence[Batch]) -> frozenset[int]:
    return frozenset(batch.id for batch in found)


def _wholes(found: list[Batch] | tuple[Batch, ...]) -> list[Batch]:
    """The batches themselves, without parts, whose state changes with them."""
    return [batch for batch in found if batch.part_of is None] or list(found)
