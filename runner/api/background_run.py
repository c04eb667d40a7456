"""A run in the background, and the signal that it may have brought something new."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from runner.app.engine_host import OnStart
from runner.engine.progress import Progress, Watcher

StartRun = Callable[[Watcher, OnStart], Awaitable[object]]


class BackgroundRun:
    """One run.

    Attributes:
        over: Whether it has ended.
        failure: The exception that ended it, if one did.
    """

    def __init__(self, start: StartRun) -> None:
        self._start = start
        self._stop: Callable[[], None] | None = None
        self._stopped = False
        self._changed = anyio.Event()
        self.over = False
        self.failure: Exception | None = None

    async def run(self) -> None:
        """Make the run. What it raises is kept in `failure`, for whoever waits for its results."""
        try:
            if not self._stopped:
                await self._start(self._on_progress, self._on_start)
        except Exception as error:  # noqa: BLE001 - raised where the results are waited for
            self.failure = error
        finally:
            self.over = True
            self._changed.set()

    def stop(self) -> None:
        """Start no more calls; those in flight may end."""
        self._stopped = True
        if self._stop is not None:
            self._stop()

    def next_change(self) -> anyio.Event:
        """Return an event that is set at the next change, or at once if the run is over."""
        self._changed = anyio.Event()
        if self.over:
            self._changed.set()
        return self._changed

    def _on_start(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self._stopped:
            stop()

    def _on_progress(self, _progress: Progress) -> None:
        self._changed.set()
