"""The database: one writing connection, separate connections for short reads, and versions.

Tables are in tables.py; what is specific to SQLite is in sqlite.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    """One database: a single writing connection, and separate connections for short reads.

    Attributes:
        path: The path of its file, with every symbolic link resolved.
        watch: The files that must stay in place: those of the database, and the locks of the
            runners of this process.
        moved: The first of them that was moved; None if none was.
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
        self.watch.learn(str(path), only_grows=True)
        event.listen(writer.sync_engine, "connect", self._on_connect)

    @property
    def has_written(self) -> bool:
        """Whether this process has written, or tried to."""
        return self._writes > 0

    def check_files(self) -> None:
        """Raises an error, once, if a watched file is no longer in place.

        The file that SQLite has open then has no path any more. But replies that were paid for
        must still be written, so that `copy_to` saves them: later transactions do not fail for
        this.

        Raises:
            MovedDatabaseError: A file was moved, deleted or replaced.
        """
        if self.moved is None and (changed := self.watch.changed()) is not None:
            self.moved = changed
            raise self.moved_error()

    def moved_error(self) -> MovedDatabaseError:
        """Returns the error about the file that was moved."""
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
        """Runs one transaction that may write, from taking the write lock to the commit.

        It is shielded from cancellation, since a cancelled COMMIT may have run. It rolls back
        when the body raises.

        Raises:
            StoreError: The database cannot be written.
            MovedDatabaseError: See `check_files`.
        """
        self.check_files()
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            async with self._transaction() as connection:
                self._writes += 1  # after taking the lock: one that waits for it has not written
                yield connection
        for path in self._beside:  # created by the first transaction
            self.watch.learn(path)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction on the writing connection, and that connection if there is none.

        The connection stays open, since checking it out of a pool costs more than a transaction.
        """
        async with self._locked():
            if self._writing is None:
                self._writing = await sqlite.connect_to_write(self._writer)
            async with sqlite.transaction(self._writing):
                yield self._writing

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Holds the lock of the writing connection, which is closed if it has become unusable."""
        async with self._lock:
            try:
                yield
            finally:  # asyncio may have cancelled a statement
                if self._writing is not None and self._writing.invalidated:
                    await self.close()

    async def close(self) -> None:
        """Closes the writing connection; the next transaction opens another."""
        if self._writing is not None:
            await self._writing.close()
            self._writing = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Opens a consistent view of the database; a long one keeps the WAL from shrinking.

        Raises:
            StoreError: The database cannot be read.
            MovedDatabaseError: It was moved; a new connection would open another file.
        """
        self.check_files()
        if self.moved is not None:
            raise self.moved_error()
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            async with self._reader.begin() as connection:
                yield connection

    async def write_copy(self, target: Path) -> None:
        """Writes a consistent copy to `target`.

        If the database was moved, the writing connection writes it, since it has the old file open.
        """
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            view = self._reader.begin() if self.moved is None else self._transaction()
            async with view as connection:
                await sqlite.write_copy(connection, target)

    async def give_back_space(self) -> None:
        """Compacts the file; no runner may be at work, as it would take it for another file.

        Raises:
            StoreError: There is not enough disk space, or the database is in use.
        """
        self.check_files()
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            async with self._transaction() as connection:
                self._writes += 1
                await sqlite.give_back_space(connection)
        self.watch.forget([str(self.path)])
        self.watch.learn(str(self.path), only_grows=True)

    async def latest_revision(self) -> tuple[int, int] | None:
        """Returns the present `revision`; None if there is no writing connection yet.

        It equals that of the latest transaction of this process if nobody has written since.
        """
        self.check_files()
        if self.moved is not None:
            raise self.moved_error()
        latest = None
        with sqlite_errors.translated(self.path), anyio.CancelScope(shield=True):
            async with self._locked():
                if self._writing is not None:
                    latest = await sqlite.revision(self._writing), self._writes
        return latest

    def revision(self, connection: AsyncConnection) -> tuple[int, int]:
        """Returns a version for writers: SQLite's data version, and this process's write count.

        The first changes when another connection has written. A writer whose own last transaction
        had the same values, plus one for its own write, knows that its caches are still valid.
        """
        return sqlite.revision_at_begin(connection), self._writes

    def _on_connect(self, *_: object) -> None:
        """Counts a new connection as a write, as versions of two connections are incomparable."""
        self._writes += 1
        self.watch.forget(self._beside)
