"""The database: one writing connection, short readers apart from it, and who has written.

What is stored, its neighbours know; what is one database's own, sqlite.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runner.store import sqlite


def is_failure(error: Exception) -> bool:
    """Whether the database itself has failed (its file, its disk, its lock), not a statement."""
    return sqlite.is_failure(error)


class Database:
    """One database: a single writing connection, and short readers apart from it."""

    def __init__(self, path: Path, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._writes = 0
        event.listen(writer.sync_engine, "connect", self._on_connect)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that may write, from taking the write lock to the commit.

        It is shielded from cancellation, since a cancelled COMMIT may have run; it rolls back
        when the body raises.

        Raises:
            StoreError: The database cannot be written.
        """
        with sqlite.translated(self.path), anyio.CancelScope(shield=True):
            async with self._writer.begin() as connection:
                self._writes += 1  # under the lock: one that waits for it has not written yet
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the database; keep it short, it holds the WAL.

        Raises:
            StoreError: The database cannot be read.
        """
        with sqlite.translated(self.path), anyio.CancelScope(shield=True):
            async with self._reader.begin() as connection:
                yield connection

    async def revision(self, connection: AsyncConnection) -> tuple[int, int]:
        """Return two numbers that tell a writer whether anybody else has written.

        The first number counts the writes of other connections, the second those of this process.
        A writer that knows both from its own last transaction knows whether what it has in memory
        is still true: it adds its own write to the second.
        """
        return await sqlite.revision(connection), self._writes

    def _on_connect(self, *_: object) -> None:
        """Count a new connection as a write: numbers of two connections cannot be compared."""
        self._writes += 1
