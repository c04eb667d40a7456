"""Virtual time: an event loop whose clock jumps to the next timer when nothing is ready to run.

Days pass in milliseconds, through the real scheduler, the real store and the real HTTP client.
SQLite is then called inline (store/sqlite_inline.py) and the provider runs in the same process, so
that no work is outside the loop's view.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

# The real seconds for which a loop without timers waits for a thread or a socket.
PATIENCE_S = 10.0
# The virtual duration of one iteration of the loop. Without it, code that repeats a wait that is
# below the clock's precision would never end.
ITERATION_S = 1e-6


class Stalled(RuntimeError):  # noqa: N818 - it names a state
    """Every task waits for an event that will never occur, which is a defect of the program."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that jumps to its next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.virtual_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Returns the virtual seconds since the loop was created."""
        return self.virtual_s

    def run_in_executor(self, _executor: Any, func: Callable[..., T], *args: Any) -> Future[T]:  # type: ignore[override]
        """Runs the function inline, so that no virtual time passes during a thread's work."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - raised where the future is awaited
            future.set_exception(error)
        return future


class _JumpingSelector(selectors.BaseSelector):
    """A selector that advances the virtual clock instead of sleeping until a timer."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return self._wait_for_others()
        events = self._real.select(0)
        if not events:
            self._loop.virtual_s += max(ITERATION_S, timeout)
        return events

    def _wait_for_others(self) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(PATIENCE_S)
        if not events:
            raise Stalled("nothing is scheduled, and nothing happens")
        return events

    def register(self, fileobj: Any, events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualClock:
    """The wall clock of a virtual loop; it starts at `start`, in ms since the epoch.

    `jump` sets it, as a user or a time server would, without changing the loop's time.
    """

    def __init__(self, start: int, tick_s: float = 600.0) -> None:
        self.tick_s = tick_s
        self._start = start

    def now(self) -> int:
        """Returns the present virtual time, in ms since the epoch, UTC."""
        return self._start + round(asyncio.get_running_loop().time() * 1000)

    def jump(self, ms: int) -> None:
        """Sets the clock forward by `ms`, or back if that is negative."""
        self._start += ms


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Runs `main` to its end under virtual time, and returns its result."""
    return anyio.run(main, backend="asyncio", backend_options={"loop_factory": VirtualTimeLoop})
