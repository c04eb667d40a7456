"""Virtual time: an event loop whose clock moves on as soon as nothing is left to do.

Days pass in milliseconds, through the real scheduler, the real store and the real HTTP client.
SQLite is then called inline (store/sqlite_inline.py) and the provider is mounted in the same
process, so that the loop alone knows whether anything is under way.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

# How long a loop with nothing scheduled waits, in real seconds, for a thread or a socket.
PATIENCE_S = 10.0
# What one turn of the loop takes. Without it, code that computes a wait too short for the clock's
# precision, and looks again, would look for ever.
ITERATION_S = 1e-6


class Stalled(RuntimeError):  # noqa: N818 - it is a state, and says so
    """Every task waits for something that will never happen: a defect of the program."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that jumps to its next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.virtual_s = 0.0
        super().__init__(_Leaper(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.virtual_s

    def run_in_executor(self, _executor: Any, func: Callable[..., T], *args: Any) -> Future[T]:  # type: ignore[override]
        """Do it at once: no time passes while a thread would be at work."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed to the one who awaits
            done.set_exception(error)
        return done


class _Leaper(selectors.BaseSelector):
    """A selector that never sleeps for a timer."""

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
    """The wall clock of a virtual loop: it starts at `start` (ms since the epoch).

    `jump` sets it, as a user or a time server would, without moving the loop's own time.
    """

    def __init__(self, start: int, tick_s: float = 600.0) -> None:
        self.tick_s = tick_s
        self._start = start

    def now(self) -> int:
        """The present virtual moment, in ms since the epoch (UTC)."""
        return self._start + round(asyncio.get_running_loop().time() * 1000)

    def jump(self, ms: int) -> None:
        """Set the clock forward (or back, if negative) by `ms`."""
        self._start += ms


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` to its end under virtual time."""
    return anyio.run(main, backend="asyncio", backend_options={"loop_factory": VirtualTimeLoop})
