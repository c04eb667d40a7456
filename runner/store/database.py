"""The database: one writing connection, short readers apart from it, and who has written.

What is stored, its neighbours know; what is one database's own, sqlite.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runner.store import sqlite


class MalformedError(sqlite3.DatabaseError):
    """What a query found contradicts itself; it is told as a damaged file."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    def __init__(self, what: str) -> None:
        super().__init__(f"the queue is malformed: {what}")


class Database:
    """One database: a single writing connection, and short readers apart from it."""

    def __init__(self, path: Path, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._writes = 0

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that may write, from taking the write lock to the commit.

        It is shielded from cancellation, since a cancelled COMMIT may have run; it rolls back
        when the body raises.

        Raises:
            StoreError: The database cannot be written.
        """
        self._writes += 1
        with sqlite.translated(self.path), anyio.CancelScope(shield=True):
            async with self._writer.begin() as connection:
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
        """What changes with every write but those of the caller that compares it.

        The first number counts the writes of other connections, the second those of this process.
        A writer that knows both from its own last transaction knows whether what it has in memory
        is still true: it adds its own write to the second.
        """
        return await sqlite.revision(connection), self._writes
