"""What is SQLite's own: how it is opened, what its errors say, and which indexes it takes."""

import resource
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import (
    BusyError,
    DiskError,
    DiskFullError,
    MovedDatabaseError,
    NewerDatabaseError,
    StoreError,
    UnavailableError,
)
from runner.store import batches, image_tasks, jobs, retries, tables, windows
from runner.store import sqlite as dialect
from runner.store import sqlite_errors as errors
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.rescue import rescue
from runner.store.sqlite_driver import DriverConnection
from runner.store.statement import Statement, defer_writes
from tests.store.kit import (
    ACCOUNT,
    NOON,
    OURS,
    SqliteStore,
    done,
    settle,
    start,
    submit,
    try_start,
)
from tests.store.promises import broken_promises
from tests.store.releases import raw
from tests.support.statements import watched

BIG = "x" * 100_000
MORE = Statement(update(tables.batches).values(priority=bindparam("more")))


def test_a_commit_survives_a_power_cut(sqlite_store: SqliteStore) -> None:
    """FULL is 2; nobody but the one writer may checkpoint into another mode."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            assert await connection.scalar(text("PRAGMA synchronous")) == 2
            assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"

    sqlite_store.run(main)


def test_a_transaction_of_deferred_writes_takes_one_round_trip_to_the_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[object] = []
    send = DriverConnection._send

    async def counted(self: DriverConnection, fn: Callable[..., Any], *args: Any) -> Any:
        trips.append(fn)
        return await send(self, fn, *args)

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 1)
        monkeypatch.setattr(DriverConnection, "_send", counted)
        async with database.write() as connection:
            defer_writes(connection)
            await MORE.run(connection, [{"more": 2}])
            await MORE.run(connection, [{"more": 3}])
        monkeypatch.undo()

    SqliteStore(path, inline=False).run(main)
    assert len(trips) == 1, "to commit"


# ---- errors, by their codes

# By code: the class, and a word of the message that no other has.
TOLD: dict[str, tuple[type[StoreError], str]] = {
    "SQLITE_FULL": (DiskFullError, "full"),
    "SQLITE_IOERR": (DiskError, "could not be read or written"),
    "SQLITE_NOMEM": (UnavailableError, "memory"),
    "SQLITE_BUSY": (BusyError, "locked"),
    "SQLITE_LOCKED": (BusyError, "locked"),
    "SQLITE_PROTOCOL": (BusyError, "locked"),
    "SQLITE_READONLY": (StoreError, "read-only"),
    "SQLITE_PERM": (StoreError, "read-only"),
    "SQLITE_READONLY_DBMOVED": (MovedDatabaseError, "moved, deleted"),
    "SQLITE_CANTOPEN": (StoreError, "cannot be opened"),
    "SQLITE_CORRUPT": (StoreError, "damaged"),
    "SQLITE_NOTADB": (StoreError, "file is not a database"),
    "SQLITE_ERROR": (StoreError, "not a database of this program"),
}
WORDS = {word for _, word in TOLD.values()}


@pytest.mark.parametrize("extended", [0, 7 << 8], ids=["primary", "extended"])
@pytest.mark.parametrize("name", TOLD)
def test_each_error_is_told_by_its_code_whatever_its_text(name: str, extended: int) -> None:
    """SQLite may be built with other texts, or none."""
    kind, word = TOLD[name]
    error = sqlite3.OperationalError("disk full, database locked, no such table, malformed")
    code = getattr(sqlite3, name)
    error.sqlite_errorcode = code | extended if code <= 0xFF else code
    with pytest.raises(kind) as told, errors.translated(Path("queue.db")):
        raise error
    assert type(told.value) is kind
    what = told.value.what.partition(" (")[0]
    assert [found for found in sorted(WORDS) if found in what] == [word]
    assert (told.value.where, bool(told.value.remedy)) == ("queue.db", True)


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.IntegrityError("disk I/O error"),
        sqlite3.ProgrammingError("database is locked"),
        OverflowError("too large"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
def test_what_is_wrong_with_a_value_is_no_fault_of_the_database(error: Exception) -> None:
    """The engine sets such a settlement aside; the database goes on."""
    assert not errors.is_failure(error)
    with pytest.raises(type(error)), errors.translated(Path("queue.db")):
        raise error


async def _leave_room(database: Database, pages: int) -> None:
    async with database.write() as connection:
        size = await connection.scalar(text("PRAGMA page_count"))
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {size + pages}")


def test_a_full_disk_is_told_as_one(sqlite_store: SqliteStore) -> None:
    async def main(database: Database) -> None:
        await _leave_room(database, 3)
        with pytest.raises(DiskFullError, match="full"):
            async with database.write() as connection:
                await submit(connection, bodies=[BIG] * 10)

    sqlite_store.run(main)


def test_a_disk_that_refuses_a_write_is_not_told_as_full(sqlite_store: SqliteStore) -> None:
    """Here the system allows no file to grow beyond 4 MB."""

    async def main(database: Database) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, hard))
        try:
            with pytest.raises(DiskError, match="could not be read or written") as told:
                async with database.write() as connection:
                    await submit(connection, bodies=[BIG] * 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not isinstance(told.value, DiskFullError)
        async with database.write() as connection:
            await submit(connection, bodies=[BIG] * 100)

    sqlite_store.run(main)
    assert sqlite_store.broken() == []


def test_a_locked_database_is_told_as_busy(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT_S", 0.02)

    async def main(database: Database) -> None:
        with raw(sqlite_store.path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(BusyError, match="locked by another program"):
                async with database.write() as connection:
                    await submit(connection)

    sqlite_store.run(main)


def test_a_database_that_may_not_be_written_is_told_as_read_only(
    sqlite_store: SqliteStore,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await connection.exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="read-only"):
            async with database.write() as connection:
                await submit(connection)

    sqlite_store.run(main)


def test_text_that_is_none_is_told_as_damage(sqlite_store: SqliteStore) -> None:
    """Python refuses to decode it, with no code of SQLite's."""

    async def scene(connection: AsyncConnection) -> None:
        await submit(connection)

    async def main(database: Database) -> None:
        with pytest.raises(StoreError, match="damaged"):
            async with database.read() as connection:
                await batches.list_batches(connection)

    sqlite_store.play(scene)
    with raw(sqlite_store.path) as connection:
        connection.execute("UPDATE batches SET name = CAST(x'ff41' AS TEXT)")
    sqlite_store.run(main)


def test_a_newer_database_is_not_taken_for_a_damaged_one(sqlite_store: SqliteStore) -> None:
    with raw(sqlite_store.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    async def main(_database: Database) -> None:
        """Never reached."""

    with pytest.raises(NewerDatabaseError):
        sqlite_store.run(main)


# ---- indexes


def plans(path: Path, scene: Callable[[AsyncConnection, Batch], Awaitable[object]]) -> list[str]:
    """How SQLite goes about the statements of `scene` on the first batch of `path`."""
    said: list[tuple[str, tuple[object, ...]]] = []

    def note(statement: str, values: object) -> None:
        if isinstance(values, tuple) and not statement.startswith(("BEGIN", "INSERT INTO ")):
            said.append((statement, values))

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await batches.get_batch(connection, 1)
            assert batch is not None
            with watched(connection.engine.sync_engine, note):
                await scene(connection, batch)

    SqliteStore(path, inline=True).run(main)
    with raw(path) as connection:
        return [
            f"{row[3]}"
            for statement, values in said
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


async def _polling(connection: AsyncConnection, _batch: Batch) -> None:
    await image_tasks.lease_due(connection, [ACCOUNT], OURS, 9, NOON)
    await image_tasks.next_due(connection, [ACCOUNT])


async def _a_turn(connection: AsyncConnection, batch: Batch) -> None:
    for call in await start(connection, batch, 16):
        await settle(connection, done(call))


SCENES: dict[str, Callable[[AsyncConnection, Batch], Awaitable[object]]] = {
    "jobs_ready": lambda c, batch: try_start(c, batch, 16),
    "jobs_waiting (due_at_ms": lambda c, _b: jobs.promote(c, NOON, Changes()),
    "INDEX jobs_waiting": lambda c, _b: jobs.next_due(c),
    "jobs_running (runner_id=": lambda c, _b: rescue(c, OURS, NOON),
    "jobs_failed": retries.retry_failed,
    "calls_reserved (runner_id=": lambda c, _b: rescue(c, OURS, NOON),
    "windows_in_use": lambda c, _b: windows.in_use(c),
    "windows_latest": lambda c, _b: windows.latest_windows(c, [ACCOUNT]),
    "image_tasks_due_at_ms": _polling,
    "jobs_duplicates": _a_turn,
}


@pytest.fixture(scope="session")
def sizes(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A queue of ten thousand rows, and one of two hundred thousand."""
    return [
        _filled(blank, tmp_path_factory.mktemp(f"rows{number}") / "queue.db", number)
        for number in (10_000, 200_000)
    ]


def _filled(blank: Path, path: Path, number: int) -> Path:
    path.write_bytes(blank.read_bytes())
    half = number // 2
    with raw(path) as connection:
        script = f"""
            PRAGMA synchronous = OFF;
            BEGIN;
            INSERT INTO batches (name, digest, state, models_json, job_json, input, columns_json,
                                 first_job, first_row, rows, created_at_ms)
              VALUES ('big', 'd', 'active', '["m"]', '', '', '', 1, 1, {number}, 0);
            INSERT INTO batch_counts (batch_id, rows_loaded, ready, succeeded)
              VALUES (1, {number}, {half}, {number - half});
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
              INSERT INTO jobs (id, batch_id, state)
              SELECT i, 1, CASE i % 2 WHEN 0 THEN 'ready' ELSE 'succeeded' END FROM n;
            INSERT INTO rows SELECT id, '' FROM jobs WHERE id < 100;
            COMMIT;
        """  # noqa: S608 - a number
        connection.executescript(script)
    return path


@pytest.mark.parametrize("index", SCENES)
def test_every_step_goes_through_its_index_at_any_size(sizes: list[Path], index: str) -> None:
    """The same plan at both sizes, and no scan of a table in it, is what keeps the cost flat."""
    small, large = (plans(path, SCENES[index]) for path in sizes)
    assert small == large
    assert any(index in step for step in small), small
    scans = [step for step in small if step.startswith("SCAN") and "INDEX" not in step]
    assert [step for step in scans if step not in FEW] == []


# What is read whole, and has few rows: those of a JSON list, and those of now.
FEW = {"SCAN json_each VIRTUAL TABLE INDEX 1:"}


@pytest.mark.parametrize("inline", [False, True])
def test_a_file_that_another_program_is_making_into_a_database_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, inline: bool
) -> None:
    """SQLite itself does not wait for the lock when it switches to WAL."""
    path = tmp_path / "queue.db"

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection)

    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(dialect, "sleep", lambda _seconds: other.execute("COMMIT"))
        SqliteStore(path, inline=inline).run(main)
    assert broken_promises(path) == []
