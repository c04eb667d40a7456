"""A run in the background, with a signal for each change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from runner.app.running.engine_host import OnStart
from runner.engine.progress import Progress, Watcher

StartRun = Callable[[Watcher, OnStart], Awaitable[object]]


class BackgroundRun:
    """One run in the background.

    Attributes:
        over: Whether the run has ended.
        failure: The exception that ended the run, or None.
    """

    def __init__(self, start: StartRun) -> None:
        self._start = start
        self._stop: Callable[[], None] | None = None
        self._stopped = False
        self._changed = anyio.Event()
        self.over = False
        self.failure: Exception | None = None

    async def run(self) -> None:
        """Runs to the end; an exception is stored in `failure`."""
        try:
            if not self._stopped:
                await self._start(self._on_progress, self._on_start)
        except Exception as error:  # noqa: BLE001 - raised where the results are awaited
            self.failure = error
        finally:
            self.over = True
            self._changed.set()

    def stop(self) -> None:
        """Starts no more calls; those in flight may finish."""
        self._stopped = True
        if self._stop is not None:
            self._stop()

    def next_change(self) -> anyio.Event:
        """Returns an event that is set at the next change, or is already set if the run is over."""
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
