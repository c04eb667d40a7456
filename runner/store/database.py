"""The database: one writing connection, short readers apart from it, and who has written.

Tables are in the neighbouring files; what is SQLite's own, in sqlite.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import anyio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runner.errors import MovedDatabaseError
from runner.language import _
from runner.store import sqlite, sqlite_errors
from runner.store.file_watch import FileWatch


def is_failure(error: Exception) -> bool:
    """Whether the database itself has failed (its file, its disk, its lock), not a statement."""
    return sqlite_errors.is_failure(error)


class Database:
    """One database: a single writing connection, and short readers apart from it.

    Attributes:
        path: Of its file, with every symbolic link resolved.
        watch: The files that must stay where they are: those of the database, and the locks of
            the runners of this process.
        moved: The first of those that did not; None as long as all is well.
    """

    def __init__(self, path: Path, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.path = path
        self.watch = FileWatch()
        self.moved: str | None = None
        self._beside = sqlite.files_beside(path)
        self._writer = writer
        self._reader = reader
        self._lock = anyio.Lock(fast_acquire=True)  # of the writing connection
        self._writing: AsyncConnection | None = None  # from the first transaction on
        self._writes = 0
        self._numbers = count()
        self.watch.learn(str(path), only_grows=True)
        event.listen(writer.sync_engine, "connect", self._on_connect)

    @property
    def has_written(self) -> bool:
        """Whether this process has written, or tried to."""
        return self._writes > 0

    def check_files(self) -> None:
        """Fail once if a watched file is not where it was.

        Nobody finds afterwards what is written then. But what was paid for still has to be
        written, so that `copy_to` has it: later transactions do not fail for this.

        Raises:
            MovedDatabaseError: It was moved, deleted or replaced.
        """
        if self.moved is None and (changed := self.watch.changed()) is not None:
            self.moved = changed
            raise self.moved_error()

    def moved_error(self) -> MovedDatabaseError:
        """What is told of a file that was moved."""
        what = _("was moved, deleted or replaced while the database was in use")
        if self.moved == str(self.path):
            what = _("the database was moved, deleted or replaced while it was in use")
        return MovedDatabaseError(
            what,
            where=self.moved,
            remedy=_("put it back, and run the same command again"),
        )

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that may write, from taking the write lock to the commit.

        It is shielded from cancellation, since a cancelled COMMIT may have run; it rolls back
        when the body raises.

        Raises:
            StoreError: The database cannot be written.
            MovedDatabaseError: See `check_files`.
        """
        self.check_files()
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            async with self._transaction() as connection:
                self._writes += 1  # under the lock: one that waits for it has not written yet
                yield connection
        for path in self._beside:  # made by the first transaction
            self.watch.learn(path)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction on the writing connection.

        It stays open: to check it out of a pool and in again would take longer than many a turn.
        """
        async with self._lock:
            if self._writing is None:
                self._writing = await sqlite.connect_to_write(self._writer)
            async with sqlite.transaction(self._writing):
                yield self._writing

    async def close(self) -> None:
        """Close the writing connection; the next transaction opens another."""
        if self._writing is not None:
            await self._writing.close()
            self._writing = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the database; keep it short, it holds the WAL.

        Raises:
            StoreError: The database cannot be read.
            MovedDatabaseError: It was moved: a new connection would open what is there now.
        """
        self.check_files()
        if self.moved is not None:
            raise self.moved_error()
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            async with self._reader.begin() as connection:
                yield connection

    async def write_copy(self, target: Path) -> None:
        """Write a consistent copy to `target`.

        If the database was moved, the writing connection makes it: that has the old file open.
        """
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            view = self._reader.begin() if self.moved is None else self._transaction()
            async with view as connection:
                await sqlite.write_copy(connection, target)

    async def give_back_space(self) -> None:
        """Make the file smaller; no runner may be at work, which would take it for another file.

        Raises:
            StoreError: There is no room for it, or the database is in use.
        """
        self.check_files()
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            async with self._transaction() as connection:
                self._writes += 1
                await sqlite.give_back_space(connection)
        self.watch.forget([str(self.path)])
        self.watch.learn(str(self.path), only_grows=True)

    async def version(self, connection: AsyncConnection) -> tuple[int, int]:
        """Return two numbers that tell a reader whether anybody has written, this process included.

        The first number names the connection, because the second has a meaning on that one only.
        """
        assert connection.sync_connection is not None  # noqa: S101 - it has begun
        info = connection.sync_connection.info
        number: int = info.setdefault("number", next(self._numbers))
        return number, await sqlite.revision(connection)

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
        self.watch.forget(self._beside)
