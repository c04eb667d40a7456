"""A run in the background, for somebody who waits for what it brings.

It knows when there may be something new and when there will be no more; what, it does not know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from runner.app.engine_host import OnStart
from runner.engine.progress import Progress, Watcher

Run = Callable[[Watcher, OnStart], Awaitable[object]]


class Work:
    """One run.

    Attributes:
        over: Whether it has ended.
        failure: What ended it, if it did not end by itself.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stop: Callable[[], None] | None = None
        self._unwanted = False
        self._changed = anyio.Event()
        self.over = False
        self.failure: Exception | None = None

    async def run(self) -> None:
        """Do it; what it fails with is kept for whoever waits."""
        try:
            if not self._unwanted:
                await self._run(self._look, self._started)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self.failure = error
        finally:
            self.over = True
            self._changed.set()

    def stop(self) -> None:
        """Start no more calls; those under way may end."""
        self._unwanted = True
        if self._stop is not None:
            self._stop()

    def listen(self) -> anyio.Event:
        """What is set when something may be new from now on."""
        self._changed = anyio.Event()
        if self.over:
            self._changed.set()
        return self._changed

    def _started(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self._unwanted:
            stop()

    def _look(self, _progress: Progress) -> None:
        self._changed.set()
