"""All that is specific to SQLite: connections, transactions and expressions.

Support for another database needs counterparts of `engine`, `connect_to_write`, `transaction`,
`create`, `files_beside`, `revision`, `table_names`, `integrity_findings`, `write_copy`,
`give_back_space` and `prepare_upgrade`, an entry in `drivers`, compilers for expressions.py, and
`translated`, `is_failure` and `cannot_open` of sqlite_errors.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles

from runner.store.expressions import ByteLength, Elements, OneOf, ReservedAmount
from runner.store.sqlite_driver import DriverConnection, Write
from runner.store.statement import Driver, drivers

BUSY_TIMEOUT_S = 15.0
_RETRY_S = 0.01

_PRAGMAS = ("temp_store = MEMORY",)
# A checkpoint copies the WAL into the database file after this many pages (16 MB): with fewer, hot
# pages are copied again and again.
_CHECKPOINT_PAGES = 4_000


def engine(path: Path, *, pool_size: int, writes: bool, durable: bool, inline: bool) -> AsyncEngine:
    """Returns an engine for the file at `path`, with connections for reading or for writing.

    It begins its transactions explicitly: the driver's own BEGIN comes too late, so that reads
    before the first write would be outside the transaction, and updates would be lost.

    Args:
        path: The path of the database.
        pool_size: The largest number of connections; 1 for the writer.
        writes: Whether its transactions may write; they take the write lock when they begin.
        durable: Whether a commit survives a power cut.
        inline: Whether SQLite runs on the loop's own thread, under a virtual clock (see
            sqlite_inline.py).
    """
    new_engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=_connector(path, inline=inline),
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # so that a lone reader reuses its connection: see `revision`
        pool_timeout=3600,
        pool_reset_on_return=None,  # every transaction ends with a commit or a rollback
        hide_parameters=True,  # errors are logged, and must not quote rows
    )
    prepare = partial(_prepare, writes=writes, durable=durable)
    event.listen(new_engine.sync_engine, "connect", prepare)
    if not writes:
        event.listen(new_engine.sync_engine, "begin", _begin_to_read)
    return new_engine


def _begin_to_read(connection: Connection) -> None:
    """Begins in one round trip to the driver's thread; SQLAlchemy would need three."""
    adapted: Any = connection.connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute_fetchall("BEGIN"))


async def connect_to_write(writer: AsyncEngine) -> AsyncConnection:
    """Opens a connection for `transaction`.

    SQLAlchemy begins one transaction on it that lasts as long as the connection, and so neither
    begins nor ends any later. To SQLite that means nothing: the driver is in autocommit mode.
    """
    connection = await writer.connect()
    await connection.begin()
    return connection


@asynccontextmanager
async def transaction(connection: AsyncConnection) -> AsyncIterator[None]:
    """Takes the write lock, and commits at the end, or rolls back if the body raises.

    SQLAlchemy's own transactions cost five times as much: they switch greenlets four times.
    """
    driver = _driver_of(connection)
    try:
        await driver.begin_to_write()
        yield
        await driver.commit()
    except BaseException:
        # The first error is the one to report. A cancelled statement may have closed the
        # connection, for which aiosqlite raises a ValueError.
        with suppress(sqlite3.Error, ValueError):
            await driver.rollback()
        raise


def _prepare(connection: Any, _record: Any, *, writes: bool, durable: bool) -> None:
    """Configures a new connection for reading or for writing."""
    pragmas = ["query_only = ON", "cache_size = -256"]  # in KiB; reads are short
    if writes:
        # With WAL and FULL an acknowledged commit survives a power cut. Only the writer makes
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
        connection.close()  # SQLAlchemy 2.0 would leak the connection and its thread
        raise


class _Connection(sqlite3.Connection):
    """A connection that rolls back before it closes.

    SQLAlchemy closes one whose statement was cancelled. With a statement that somebody still
    refers to, such as a traceback, SQLite would keep it open, and the write lock with it.
    """

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


def _connector(path: Path, *, inline: bool) -> Callable[[], Any]:
    """Returns a function that connects to the file at `path`, and never creates it."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    timeout_s = 0.0 if inline else BUSY_TIMEOUT_S  # virtual time does not pass within a statement

    def connect_here() -> sqlite3.Connection:
        return sqlite3.connect(
            uri,
            uri=True,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time uses it
            factory=_Connection,
        )

    if inline:
        from runner.store.sqlite_inline import InlineConnection  # virtual time only

        return lambda: InlineConnection(connect_here, timeout_s)

    async def connect() -> DriverConnection:
        connection = DriverConnection(connect_here, timeout_s)
        thread = connection._thread  # noqa: SLF001 - as SQLAlchemy does
        thread.daemon = True  # it must not keep the process alive
        try:
            await connection
        except sqlite3.Error:
            thread.join()  # it still uses the loop as it ends, which may be closed soon
            raise
        return connection

    return connect


def _use_wal(cursor: Any) -> None:
    """Switches to WAL, with retries: SQLite's busy time-out does not apply to this pragma.

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
    """Creates the file at `path` if there is none; raises the errors that `translated` handles.

    A file that cannot be opened fails here, because aiosqlite's thread would outlive the loop.
    A hot journal, left by a process that died while it created the file, is rolled back here,
    because that shrinks the file, which a `FileWatch` would take for another one.
    """
    with closing(sqlite3.connect(path)) as connection:
        if Path(f"{path}-journal").exists():
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()


def files_beside(path: Path) -> tuple[str, str]:
    """Returns the files that the connections to a database share while any of them is open."""
    return f"{path}-wal", f"{path}-shm"


async def revision(connection: AsyncConnection) -> int:
    """Returns a number that changes on this connection when another one has written."""
    [(number,)] = await _fetch(connection, "PRAGMA data_version", ())
    assert isinstance(number, int)  # noqa: S101 - as SQLite documents it
    return number


def revision_at_begin(connection: AsyncConnection) -> int:
    """Returns the `revision` of a transaction that may write; nobody else writes within it."""
    return _driver_of(connection).revision


async def table_names(connection: AsyncConnection) -> set[str]:
    """Returns the names of all tables, indexes and other objects in the database."""
    names = await connection.exec_driver_sql("SELECT name FROM sqlite_master")
    return set(names.scalars())


async def integrity_findings(connection: AsyncConnection) -> list[str]:
    """Returns the errors that SQLite itself finds in the file."""
    findings = await connection.exec_driver_sql("PRAGMA integrity_check(20)")
    return [line for line in findings.scalars() if line != "ok"]


async def write_copy(connection: AsyncConnection, target: Path) -> None:
    """Writes a consistent copy to `target`, on a read-only connection.

    VACUUM can run neither inside a transaction nor with `query_only`.
    """
    await connection.exec_driver_sql("COMMIT")
    await connection.exec_driver_sql("PRAGMA query_only = OFF")
    try:
        await connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    finally:
        await connection.exec_driver_sql("PRAGMA query_only = ON")
        await connection.exec_driver_sql("BEGIN")


async def give_back_space(connection: AsyncConnection) -> None:
    """Compacts the file, which needs as much free disk space as its contents.

    VACUUM cannot run inside a transaction, and the file shrinks at the checkpoint of the WAL.
    """
    await connection.exec_driver_sql("COMMIT")
    try:
        await connection.exec_driver_sql("VACUUM")
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")


def prepare_upgrade(connection: Connection) -> None:
    """Turns off the wiping of pages of dropped tables, which doubles the memory of a migration."""
    connection.exec_driver_sql("PRAGMA secure_delete = OFF")


async def _run(
    connection: AsyncConnection,
    text: str,
    rows: Sequence[tuple[Any, ...]],
    missing: Exception | None,
) -> None:
    await _driver_of(connection).write(Write(text, rows, missing))


def _defer(connection: AsyncConnection) -> None:
    _driver_of(connection).defer_writes()


async def _fetch(connection: AsyncConnection, text: str, values: tuple[Any, ...]) -> Iterable[Any]:
    return await _driver_of(connection).execute_fetchall(text, values)


def _driver_of(connection: AsyncConnection) -> DriverConnection:
    assert connection.sync_connection is not None  # noqa: S101 - it has begun
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, DriverConnection)  # noqa: S101 - as the engine is made
    return driver


drivers["sqlite"] = Driver(insert, _run, _defer, _fetch)


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
    """Compiles to an equivalent of `octet_length`, which SQLite has since 3.43."""
    (column,) = (compiler.process(part, **options) for part in element.clauses)
    return f"length(CAST({column} AS BLOB))"


@compiles(ReservedAmount, "sqlite")
def _reserved_amount(element: ReservedAmount, compiler: Any, **options: Any) -> str:
    column, quota = (compiler.process(part, **options) for part in element.clauses)
    return f"""json_extract({column}, '$."' || {quota} || '"[1]')"""
