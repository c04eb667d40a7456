"""Everything that is SQLite's own: connections, transactions, dialect, and error codes.

A second database needs a file like this one: `engine`, `revision`, `translated`, `write_copy`,
`integrity_findings`, and the compilation of `OneOf`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles

from runner.errors import BusyError, DiskFullError, RunnerError, StoreError
from runner.store.statement import OneOf, inserts

BUSY_TIMEOUT_S = 15.0

# WAL with FULL is what keeps an acknowledged commit through a power cut; one writer connection
# also checkpoints, since several checkpointing connections can corrupt a WAL before SQLite 3.51.3.
_PRAGMAS = ("journal_mode = WAL", "temp_store = MEMORY")
# What a transaction left in the WAL is copied into the database file after so many pages (16 MB):
# a smaller number copies hot pages again and again.
_CHECKPOINT_PAGES = 4_000

_DAMAGED = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_ERROR,  # "no such column": the file has tables of this name, and not ours
        sqlite3.SQLITE_MISMATCH,
    }
)


def engine(path: Path, *, pool_size: int, writes: bool, durable: bool, inline: bool) -> AsyncEngine:
    """Connections to the file at `path`, each prepared for reading or for writing.

    The transactions are begun here: the driver's own BEGIN comes too late, so that reads before
    the first write would stand outside the transaction, and updates would be lost.

    Args:
        path: Of the database.
        pool_size: Connections at most; 1 for the writer.
        writes: Whether its transactions may write: they take the write lock as they begin.
        durable: Whether a commit survives a power cut.
        inline: Call SQLite on the loop's own thread, under a virtual clock (see inline.py).
    """
    options: dict[str, Any] = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 3600}
    if inline:
        from runner.store.inline import connector  # noqa: PLC0415 - for virtual time only

        options["async_creator"] = connector(path, BUSY_TIMEOUT_S)
    else:
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None}
    # An error must not quote the rows that it is about: it is logged.
    made = create_async_engine(f"sqlite+aiosqlite:///{path}", hide_parameters=True, **options)
    pragmas = [
        *_PRAGMAS,
        f"synchronous = {'FULL' if durable else 'OFF'}",
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    ]
    if not writes:
        pragmas = ["query_only = ON", "cache_size = -256"]  # KiB; readers are short
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(made.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        try:
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except sqlite3.Error:
            connection.close()  # SQLAlchemy 2.0 forgets it, and its thread
            raise

    @event.listens_for(made.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made


def create(path: Path) -> None:
    """Make the file at `path` if there is none, or fail as `translated` tells.

    A file that cannot be opened fails here, because aiosqlite's thread would outlive the loop.
    """
    sqlite3.connect(path).close()


async def revision(connection: AsyncConnection) -> int:
    """A number that changes when another connection has written; read it inside the write lock."""
    found = await connection.exec_driver_sql("PRAGMA data_version")
    number: int = found.scalar_one()
    return number


async def table_names(connection: AsyncConnection) -> set[str]:
    """The names of everything that is defined in the database."""
    found = await connection.exec_driver_sql("SELECT name FROM sqlite_master")
    return set(found.scalars())


async def integrity_findings(connection: AsyncConnection) -> list[str]:
    """What SQLite itself finds wrong with the file."""
    found = await connection.exec_driver_sql("PRAGMA integrity_check(20)")
    return [line for line in found.scalars() if line != "ok"]


async def write_copy(connection: AsyncConnection, target: Path) -> None:
    """Write a consistent copy to `target`, on a connection that may only read.

    VACUUM runs neither inside a transaction nor on a connection that may only read.
    """
    await connection.exec_driver_sql("COMMIT")
    await connection.exec_driver_sql("PRAGMA query_only = OFF")
    try:
        await connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    finally:
        await connection.exec_driver_sql("PRAGMA query_only = ON")
        await connection.exec_driver_sql("BEGIN")


def prepare_upgrade(connection: Connection) -> None:
    """Wiping the pages of dropped tables would take twice the memory; the copy has their rows."""
    connection.exec_driver_sql("PRAGMA secure_delete = OFF")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, with the remedy, by their codes."""
    try:
        yield
    except DBAPIError as error:
        found = _complaint(error.orig, path)
        if found is None:
            raise
        raise found from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        found = _complaint(error, path)
        if found is None:
            raise
        raise found from error


def _complaint(error: BaseException | None, path: Path) -> RunnerError | None:
    if isinstance(error, UnicodeDecodeError):
        return _unusable(error, path)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own refusals have no code
        return _unusable(error, path) if "decode" in str(error) else None
    for known, translation in _TRANSLATIONS:
        if code in known or code & 0xFF in known:  # the low byte is the primary code
            return translation(error, path)
    return None


def _full(error: BaseException | None, path: Path) -> RunnerError:
    remedy = "free some space and run the same command again; it goes on where it stopped"
    return DiskFullError(
        f"the database cannot be written ({error})", where=str(path), remedy=remedy
    )


def _io_error(error: BaseException | None, path: Path) -> RunnerError:
    remedy = "check the disk, then run the same command again; it goes on where it stopped"
    return DiskFullError(
        f"the disk does not take or give the database's data ({error})",
        where=str(path),
        remedy=remedy,
    )


def _busy(_error: BaseException | None, path: Path) -> RunnerError:
    remedy = "close the program that holds the database, or wait for it"
    return BusyError("the database is locked by another program", where=str(path), remedy=remedy)


def _unusable(error: BaseException | None, path: Path) -> RunnerError:
    remedy = "restore a backup, or move the file away and submit again"
    return StoreError(f"not a usable database ({error})", where=str(path), remedy=remedy)


def _closed_to_us(error: BaseException | None, path: Path) -> RunnerError:
    remedy = "check the path and its permissions, or choose another with --db or MIDNIGHT_DB"
    return StoreError(f"the database cannot be opened ({error})", where=str(path), remedy=remedy)


_TRANSLATIONS: tuple[tuple[frozenset[int], Callable[..., RunnerError]], ...] = (
    (frozenset({sqlite3.SQLITE_FULL}), _full),
    (frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}), _io_error),
    (frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}), _busy),
    (
        frozenset(
            {
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_READONLY,
                sqlite3.SQLITE_PERM,
                sqlite3.SQLITE_AUTH,
            }
        ),
        _closed_to_us,
    ),
    (_DAMAGED, _unusable),
)


inserts["sqlite"] = insert


@compiles(OneOf, "sqlite")
def _one_of(element: OneOf, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are compiled
