"""What is SQLite's own: connections, transactions and expressions. Errors are in sqlite_errors.py.

A second database needs files like these: `engine`, `connect_to_write`, `transaction`, `create`,
`files_beside`, `revision`, `table_names`, `integrity_findings`, `write_copy`, `give_back_space`,
`prepare_upgrade`, its entry in `drivers`, how it spells what is in expressions.py; `translated`,
`is_failure`, `cannot_open`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles

from runner.store.expressions import ByteLength, Elements, OneOf, ReservedAmount
from runner.store.statement import Driver, drivers

BUSY_TIMEOUT_S = 15.0
_RETRY_S = 0.01

_PRAGMAS = ("temp_store = MEMORY",)
# What a transaction left in the WAL is copied into the database file after so many pages (16 MB):
# a smaller number copies hot pages again and again.
_CHECKPOINT_PAGES = 4_000


def engine(path: Path, *, pool_size: int, writes: bool, durable: bool, inline: bool) -> AsyncEngine:
    """Connections to the file at `path`, each prepared for reading or for writing.

    The transactions are begun here: the driver's own BEGIN comes too late, so that reads before
    the first write would stand outside the transaction, and updates would be lost.

    Args:
        path: Of the database.
        pool_size: Connections at most; 1 for the writer.
        writes: Whether its transactions may write: they take the write lock as they begin.
        durable: Whether a commit survives a power cut.
        inline: Call SQLite on the loop's own thread, under a virtual clock (see sqlite_inline.py).
    """
    made = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=_connector(path, inline=inline),
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # one reader at a time has the same connection: see `revision`
        pool_timeout=3600,
        pool_reset_on_return=None,  # every transaction is committed, or rolled back, as it ends
        hide_parameters=True,  # an error must not quote the rows that it is about: it is logged
    )
    prepare = partial(_prepare, writes=writes, durable=durable)
    event.listen(made.sync_engine, "connect", prepare)
    if not writes:
        event.listen(made.sync_engine, "begin", _begin_to_read)
    return made


def _begin_to_read(connection: Connection) -> None:
    """Begin in one round trip to the driver's thread; SQLAlchemy would take three."""
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute_fetchall("BEGIN"))


async def connect_to_write(writer: AsyncEngine) -> AsyncConnection:
    """A connection for `transaction`.

    SQLAlchemy is told of one transaction that does not end: of itself it begins and ends none.
    """
    connection = await writer.connect()
    await connection.begin()
    return connection


@asynccontextmanager
async def transaction(connection: AsyncConnection) -> AsyncIterator[None]:
    """Take the write lock; commit, or roll back if the body raises.

    Through SQLAlchemy this would take twenty times as long: it changes greenlets four times.
    """
    await drivers["sqlite"].fetch(connection, "BEGIN IMMEDIATE", ())
    driver = _driver_of(connection)
    try:
        yield
        await driver.commit()
    except BaseException:
        with suppress(sqlite3.Error):  # what has failed first is told
            await driver.rollback()
        raise


def _prepare(connection: Any, _record: Any, *, writes: bool, durable: bool) -> None:
    """Set a new connection up for reading or for writing."""
    pragmas = ["query_only = ON", "cache_size = -256"]  # KiB; readers are short
    if writes:
        # WAL with FULL keeps an acknowledged commit through a power cut. The one writer also
        # checkpoints: several connections that do can corrupt a WAL before SQLite 3.51.3.
        pragmas = [
            *_PRAGMAS,
            f"synchronous = {'FULL' if durable else 'OFF'}",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        ]
    try:
        cursor = connection.cursor()
        if writes:
            _use_wal(cursor)
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
    except sqlite3.Error:
        connection.close()  # SQLAlchemy 2.0 forgets it, and its thread
        raise


def _connector(path: Path, *, inline: bool) -> Callable[[], Any]:
    """Opens a connection to the file at `path`, and makes none where it is gone meanwhile."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    options: dict[str, Any] = {"uri": True, "timeout": BUSY_TIMEOUT_S, "isolation_level": None}
    if inline:
        from runner.store.sqlite_inline import InlineConnection  # noqa: PLC0415 - virtual time only

        return lambda: InlineConnection(lambda: sqlite3.connect(uri, **options))

    async def connect() -> aiosqlite.Connection:
        made = aiosqlite.connect(uri, **options)
        thread = made._thread  # noqa: SLF001 - as SQLAlchemy does
        thread.daemon = True  # it must not keep the process alive
        try:
            return await made
        except sqlite3.Error:
            thread.join()  # it tells the loop that it ends, which may be closed soon
            raise

    return connect


def _use_wal(cursor: Any) -> None:
    """Switch to WAL. For this SQLite fails at once where it would wait for the lock otherwise.

    Raises:
        sqlite3.OperationalError: Another program has held the lock for too long.
    """
    deadline = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(_RETRY_S)
        else:
            return


def create(path: Path) -> None:
    """Make the file at `path` if there is none, or fail as `translated` tells.

    A file that cannot be opened fails here, because aiosqlite's thread would outlive the loop.
    What a process that died while it made the file has left half done is undone here, because that
    makes the file smaller, and so looks like another one to whoever watches it.
    """
    with closing(sqlite3.connect(path)) as connection:
        if Path(f"{path}-journal").exists():
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()


def files_beside(path: Path) -> tuple[str, str]:
    """The files that the connections to a database share; they stay as long as one is open."""
    return f"{path}-wal", f"{path}-shm"


async def revision(connection: AsyncConnection) -> int:
    """Return a number that changes on this connection when another one has written."""
    [(number,)] = await _fetch(connection, "PRAGMA data_version", ())
    assert isinstance(number, int)  # noqa: S101 - as SQLite documents it
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


async def give_back_space(connection: AsyncConnection) -> None:
    """Make the file as small as what is in it; it takes as much space again meanwhile.

    VACUUM runs in no transaction, and the file shrinks when the WAL is copied into it.
    """
    await connection.exec_driver_sql("COMMIT")
    try:
        await connection.exec_driver_sql("VACUUM")
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")


def prepare_upgrade(connection: Connection) -> None:
    """Do not wipe the pages of dropped tables: that takes twice the memory."""
    connection.exec_driver_sql("PRAGMA secure_delete = OFF")


async def _run(connection: AsyncConnection, text: str, rows: Sequence[tuple[Any, ...]]) -> int:
    # The cursor holds nothing once it has run: it need not be closed, on a second way there.
    cursor = await _driver_of(connection).executemany(text, rows)
    return cursor.rowcount


async def _fetch(connection: AsyncConnection, text: str, values: tuple[Any, ...]) -> Iterable[Any]:
    return await _driver_of(connection).execute_fetchall(text, values)


def _driver_of(connection: AsyncConnection) -> aiosqlite.Connection:
    assert connection.sync_connection is not None  # noqa: S101 - it has begun
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, aiosqlite.Connection)  # noqa: S101 - as the engine is made
    return driver


drivers["sqlite"] = Driver(insert, _run, _fetch)


@compiles(OneOf, "sqlite")
def _one_of(element: OneOf, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - no text of users


@compiles(Elements, "sqlite")
def _elements(element: Elements, compiler: Any, **options: Any) -> str:
    (values,) = (compiler.process(part, **options) for part in element.clauses)
    return f"json_each({values})"


@compiles(ByteLength, "sqlite")
def _byte_length(element: ByteLength, compiler: Any, **options: Any) -> str:
    """As `octet_length`, which SQLite has since 3.43."""
    (column,) = (compiler.process(part, **options) for part in element.clauses)
    return f"length(CAST({column} AS BLOB))"


@compiles(ReservedAmount, "sqlite")
def _reserved_amount(element: ReservedAmount, compiler: Any, **options: Any) -> str:
    column, quota = (compiler.process(part, **options) for part in element.clauses)
    return f"""json_extract({column}, '$."' || {quota} || '"[1]')"""
