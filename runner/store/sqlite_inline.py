"""SQLite on the event loop's own thread, for loops with virtual time.

aiosqlite passes its calls to a thread, and a virtual clock cannot distinguish a loop that waits for
that thread from an idle one. Here an aiosqlite connection runs each call synchronously: it takes no
virtual time, and the order of events is deterministic.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import aiosqlite

from runner.store.sqlite_driver import DriverConnection

T = TypeVar("T")


class InlineConnection(DriverConnection):
    """A connection without a thread behind it."""

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        """Opens the connection."""
        return self._connect().__await__()

    async def _connect(self) -> InlineConnection:
        self._connection: sqlite3.Connection | None = self._connector()
        return self

    async def _send(self, fn: Callable[..., T], *args: Any, **options: Any) -> T:
        return fn(*args, **options)

    def stop(self) -> None:
        """Closes the connection; no thread has to end."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
