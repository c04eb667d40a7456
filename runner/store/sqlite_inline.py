"""SQLite called on the event loop's own thread, for a loop whose time is virtual.

aiosqlite hands its calls to a thread, and a virtual clock cannot tell a loop that waits for that
thread from one with nothing left to do. Here the same aiosqlite connection runs each call where
it is made: it takes no time by definition, and a run has one order of events.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from threading import Thread
from typing import Any

import aiosqlite


class InlineConnection(aiosqlite.Connection):
    """An aiosqlite connection without a thread behind it."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._tx = _InlineQueue()  # type: ignore[assignment]  # the one method it is used by
        self._thread = Thread(target=_nothing)


class _InlineQueue:
    """Takes a call as aiosqlite's queue does, and runs it before returning."""

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, call = item
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - it is the caller's, whatever it is
            if future is not None:
                future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


def _nothing() -> None:
    """The work of a thread that has none."""
