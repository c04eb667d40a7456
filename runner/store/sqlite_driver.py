"""The driver's connection: aiosqlite's, whose writes may travel with the next statement.

A round trip to the driver's thread takes longer than most statements. Nobody waits for the result
of a write, so a transaction may have its writes deferred: they are kept until the next statement
that has a result, or the commit, and are executed right before it, in the same round trip.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import aiosqlite

T = TypeVar("T")


class Write(NamedTuple):
    """A statement to execute once for each of `rows`.

    Attributes:
        text: The SQL text.
        rows: The values of its parameters, by position.
        missing: The error to raise if fewer rows are changed than `rows` has; None: no error.
    """

    text: str
    rows: Sequence[tuple[Any, ...]]
    missing: Exception | None = None


class DriverConnection(aiosqlite.Connection):
    """An aiosqlite connection with deferred writes.

    Attributes:
        revision: SQLite's data version in the latest transaction that may write; it changes when
            another connection has written.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection], busy_timeout_s: float) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._busy_timeout_ms = round(busy_timeout_s * 1000)
        self.revision = 0
        self._defers = False
        self._deferred: list[Write] = []

    async def begin_to_write(self) -> None:
        """Takes the write lock, and reads the data version.

        A lock that is free is taken on the loop's own thread, which takes 30 µs. Only the driver's
        thread waits for one that is not.
        """
        try:
            self.revision = _begin_at_once(self._conn, self._busy_timeout_ms)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            self.revision = await self._execute(_begin_to_write, self._conn)

    def defer_writes(self) -> None:
        """Has the further writes of the present transaction deferred."""
        self._defers = True

    async def write(self, write: Write) -> None:
        """Executes a write, or keeps it for the next statement if writes are deferred.

        Raises:
            sqlite3.Error: It failed. A deferred write fails in the call that executes it.
        """
        if self._defers:
            self._deferred.append(write)
        else:
            await self._execute(_run, self._conn, [write])

    async def commit(self) -> None:
        """Executes what was deferred, and commits."""
        self._defers = False
        await super().commit()

    async def rollback(self) -> None:
        """Forgets what was deferred, and rolls back."""
        self._defers = False
        self._deferred.clear()
        await super().rollback()

    async def _execute(self, fn: Callable[..., T], *args: Any, **options: Any) -> T:
        """Executes what was deferred, and calls `fn`, in one round trip."""
        if self._deferred:
            writes, self._deferred = self._deferred, []
            fn = partial(_run_first, self._conn, writes, fn)
        return await self._send(fn, *args, **options)

    async def _send(self, fn: Callable[..., T], *args: Any, **options: Any) -> T:
        """Calls `fn` on the driver's thread."""
        result: T = await super()._execute(fn, *args, **options)  # type: ignore[no-untyped-call]
        return result


def _begin_at_once(connection: sqlite3.Connection, busy_timeout_ms: int) -> int:
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        return _begin_to_write(connection)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")


def _begin_to_write(connection: sqlite3.Connection) -> int:
    connection.execute("BEGIN IMMEDIATE")
    (revision,) = connection.execute("PRAGMA data_version").fetchone()
    assert isinstance(revision, int)  # noqa: S101 - as SQLite documents it
    return revision


def _run(connection: sqlite3.Connection, writes: Sequence[Write]) -> None:
    for text, rows, missing in writes:
        changed = connection.executemany(text, rows).rowcount
        if missing is not None and changed != len(rows):
            raise missing


def _run_first(
    connection: sqlite3.Connection,
    writes: Sequence[Write],
    fn: Callable[..., T],
    *args: Any,
    **options: Any,
) -> T:
    _run(connection, writes)
    return fn(*args, **options)
