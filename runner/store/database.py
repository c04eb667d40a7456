"""The database file: its engines, its transactions, and its version.

It knows SQLite's pragmas, pitfalls and error texts; what is stored, its neighbours know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from runner.errors import BusyError, DiskFullError, RunnerError, StoreError

BUSY_TIMEOUT_S = 15.0

# WAL with FULL is what keeps an acknowledged commit through a power cut; one writer connection
# also checkpoints, since several checkpointing connections can corrupt a WAL before SQLite 3.51.3.
_PRAGMAS = ("journal_mode = WAL", "temp_store = MEMORY")

# What SQLite, or Python reading its words, says of a file that is damaged or not of ours.
_DAMAGE = (
    "malformed",
    "not a database",
    "file is encrypted",
    "could not decode",
    "can't decode",
    "no such column",
    "no such table",
)


class MalformedError(sqlite3.DatabaseError):
    """What a query found contradicts itself; `translated` tells it as a damaged file."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the queue is malformed: {what}")


class Database:
    """One SQLite file: a single writing connection, and short readers apart from it."""

    def __init__(self, path: Path, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that may write, from BEGIN IMMEDIATE to COMMIT.

        It is shielded from cancellation, since a cancelled COMMIT may have run; it rolls back
        when the body raises.

        Raises:
            StoreError: The database cannot be written.
        """
        with translated(self.path), anyio.CancelScope(shield=True):
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent view of the database; keep it short, it holds the WAL.

        Raises:
            StoreError: The database cannot be read.
        """
        with translated(self.path), anyio.CancelScope(shield=True):
            async with self._reader.begin() as connection:
                yield connection


@asynccontextmanager
async def open_database(
    path: Path,
    *,
    inline: bool = False,
    durable: bool = True,
    on_upgrade: Callable[[Path], None] | None = None,
) -> AsyncIterator[Database]:
    """The database at `path`, created or migrated if need be.

    Args:
        path: Of the file; its folder is made.
        inline: Call SQLite on the loop's own thread, under a virtual clock (see inline.py).
        durable: Whether a commit survives a power cut; a rehearsal's need not.
        on_upgrade: Told, before it is migrated, where a copy of it as it was is kept.

    Raises:
        StoreError: It is not a database of ours, damaged, locked, or cannot be opened.
        BusyError: A runner of an older version is at work on it.
        NewerDatabaseError: A newer version of the program has written it.
    """
    from runner.store.migrate import bring_up_to_date  # noqa: PLC0415 - it imports this module

    _make_folder(path)
    # A file that cannot be opened fails here: aiosqlite's thread would outlive the loop and say so.
    with translated(path):
        sqlite3.connect(path).close()
    async with AsyncExitStack() as stack:
        engines = []
        for pool_size, writes in ((1, True), (2, False)):
            engine = _engine(path, pool_size=pool_size, inline=inline)
            stack.push_async_callback(_dispose, engine)
            _prepare(engine, writes=writes, durable=durable)
            engines.append(engine)
        database = Database(path, *engines)
        await bring_up_to_date(database, on_upgrade)
        yield database


async def _dispose(engine: AsyncEngine) -> None:
    with anyio.CancelScope(shield=True):
        await engine.dispose()


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"its folder cannot be made ({error.strerror})",
            where=str(path),
            remedy="name another place with --db or MIDNIGHT_DB",
        ) from None


def _engine(path: Path, *, pool_size: int, inline: bool) -> AsyncEngine:
    options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 3600}
    if inline:
        from runner.store.inline import connector  # noqa: PLC0415 - for rehearsals only

        options["async_creator"] = connector(path, BUSY_TIMEOUT_S)
    else:
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None}
    return create_async_engine(f"sqlite+aiosqlite:///{path}", **options)


def _prepare(engine: AsyncEngine, *, writes: bool, durable: bool) -> None:
    """Set what each connection needs, and begin transactions ourselves.

    The driver's own BEGIN comes too late: reads before the first write would stand outside the
    transaction, and updates would be lost.
    """
    pragmas = [*_PRAGMAS, f"synchronous = {'FULL' if durable else 'OFF'}"]
    if not writes:
        pragmas = ["query_only = ON", "cache_size = -256"]  # KiB; readers are short
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        try:
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except sqlite3.Error:
            connection.close()  # SQLAlchemy 2.0 forgets it, and its thread
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's complaints into ours, with the remedy."""
    try:
        yield
    except DBAPIError as error:
        found = _complaint(str(error.orig), path)
        if found is None:
            raise
        raise found from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        found = _complaint(str(error), path)
        if found is None:
            raise
        raise found from error


def _complaint(said: str, path: Path) -> RunnerError | None:
    where = str(path)
    text = said.lower()
    if "disk is full" in text or "disk i/o error" in text:
        remedy = "free some space and run the same command again; it goes on where it stopped"
        return DiskFullError(f"the database cannot be written ({said})", where=where, remedy=remedy)
    if "locked" in text or "busy" in text:
        remedy = "close the program that holds the database, or wait for it"
        return BusyError("the database is locked by another program", where=where, remedy=remedy)
    if any(sign in text for sign in _DAMAGE):
        remedy = "restore a backup, or move the file away and submit again"
        return StoreError(f"not a usable database ({said})", where=where, remedy=remedy)
    if "unable to open" in text or "readonly" in text or "read-only" in text:
        remedy = "check the path and its permissions, or choose another with --db or MIDNIGHT_DB"
        return StoreError(f"the database cannot be opened ({said})", where=where, remedy=remedy)
    return None
