"""A disk that is full, a file that is locked, a page that is damaged: each one clear error."""

import subprocess
import sys
from pathlib import Path
from random import Random

import anyio
import pytest
from sqlalchemy import text

from runner.errors import BusyError, DiskFullError, StoreError
from runner.store import batch_rows, batches, failures, jobs, migrate, reports, retries, windows
from runner.store.database import Database
from runner.store.opening import open_database
from runner.store.rescue import rescue
from tests.store.kit import (
    NOON,
    OURS,
    VIOLATIONS,
    Store,
    done,
    open_gates,
    promote,
    settle,
    start,
    start_one,
    submit,
    try_start,
)
from tests.store.promises import broken_promises
from tests.store.releases import raw

BIG = "x" * 100_000


async def leave_room(database: Database, pages: int) -> None:
    """Let the file grow by `pages` pages, and no more."""
    async with database.write() as connection:
        size = await connection.scalar(text("PRAGMA page_count"))
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {size + pages}")


def test_a_full_disk_changes_nothing_and_everything_goes_on_when_there_is_room(
    store: Store,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await open_gates(connection, batch)
            [one, _] = await start(connection, batch, 2)
        before = store.dump()
        await leave_room(database, 3)
        for _ in range(3):
            with pytest.raises(DiskFullError, match="full"):  # noqa: PT012 - a transaction
                async with database.write() as connection:
                    await settle(connection, done(one, BIG))
                    await start(connection, batch, 2)
            assert store.dump() == before
            assert store.broken() == []
        await leave_room(database, 1000)
        async with database.write() as connection:
            await settle(connection, done(one, BIG))

    store.run(main)
    assert store.broken() == []
    assert store.one("SELECT count(*) FROM results") == 2


def test_a_full_disk_while_a_new_database_is_made_is_one_clear_error(tmp_path: Path) -> None:
    """A tmpfs of 64 KB, where mounting is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")

    async def main() -> None:
        async with open_database(disk / "queue.db"):
            pass

    try:
        with pytest.raises(StoreError):
            anyio.run(main)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_copy_for_which_there_is_no_room_leaves_no_half(tmp_path: Path, path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")

    async def main() -> None:
        async with open_database(path) as database:
            with pytest.raises(StoreError):
                await migrate.copy_to(database, disk / "backup.db")
            async with database.write() as connection:
                await submit(connection)

    try:
        anyio.run(main)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("inline", [False, True])
def test_a_database_that_another_program_holds_is_busy_until_it_lets_go(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, inline: bool
) -> None:
    monkeypatch.setattr("runner.store.sqlite.BUSY_TIMEOUT_S", 0.02)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, "BEGIN IMMEDIATE"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    async def main() -> None:
        async with open_database(path, inline=inline) as database:
            for _ in range(3):
                with pytest.raises(BusyError, match="locked by another program"):
                    async with database.write() as connection:
                        await submit(connection)
            async with database.read() as connection:  # readers are not held up
                assert await batches.list_batches(connection) == []
            holder.communicate()
            async with database.write() as connection:
                await submit(connection)

    with holder:
        holder.stdout.readline()
        anyio.run(main)
    assert broken_promises(path) == []


def test_a_database_held_exclusively_is_busy_from_the_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.store.sqlite.BUSY_TIMEOUT_S", 0.02)
    with raw(path) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BusyError, match="locked by another program"):
            anyio.run(_use_everything, path)
    anyio.run(_use_everything, path)


async def _use_everything(path: Path) -> None:
    """Opens, reads all there is to read, and writes."""
    async with open_database(path, inline=True) as database:
        async with database.read() as connection:
            await reports.daily(connection)
            await windows.latest_windows(connection, ["mine"])
            for batch in await batches.list_batches(connection):
                await batch_rows.export_page(connection, batch, 0, 1000)
                await failures.first_failures(connection, batch, 1000)
        async with database.write() as connection:
            await rescue(connection, OURS, NOON)
            await promote(connection, NOON)
            for batch in await batches.runnable(connection):
                found = (await jobs.read_ready(connection, [batch], 1000))[batch.id]
                await jobs.read_bodies(connection, [batch.row(one.job_id) for one in found])
                await try_start(connection, batch, 1000)
                await retries.retry_failed(connection, batch)


@pytest.fixture
def filled(path: Path) -> Path:
    async def main() -> None:
        async with open_database(path) as database, database.write() as connection:
            batch = await submit(connection, 300)
            await open_gates(connection, batch)
            for one in await start(connection, batch, 100):
                await settle(connection, done(one, BIG[:500]))
            await start_one(connection, batch)

    anyio.run(main)
    return path


def test_a_damaged_page_is_one_clear_error_or_does_no_harm(filled: Path) -> None:
    """Page after page overwritten with noise: whatever SQLite says of it, it is a StoreError."""
    whole = filled.read_bytes()
    chance = Random(11)
    refused = 0
    for page in range(0, len(whole), 4096):
        damaged = whole[:page] + chance.randbytes(4096) + whole[page + 4096 :]
        refused += _refuses(filled, damaged)
    assert refused > 5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE jobs SET state = 'zeady' WHERE id = 300", "'zeady' is no JobState"),
        ("UPDATE batches SET models_json = '[oops'", "a column has no JSON"),
    ],
)
def test_a_value_that_no_version_writes_is_a_damaged_database(
    filled: Path, change: str, told: str
) -> None:
    with raw(filled) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(change)
    with pytest.raises(StoreError, match=f"the database is damaged .*{told}") as caught:
        anyio.run(_use_everything, filled)
    assert caught.value.where == str(filled)


def test_damaged_bytes_are_one_clear_error_or_do_no_harm(filled: Path) -> None:
    whole = filled.read_bytes()
    chance = Random(12)
    for _ in range(80):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 10, 100])):
            damaged[chance.randrange(100, len(whole))] = chance.randrange(256)
        _refuses(filled, bytes(damaged))


def _refuses(path: Path, damaged: bytes) -> bool:
    for leftover in path.parent.glob("queue.db-*"):
        if leftover.is_file():
            leftover.unlink()
    path.write_bytes(damaged)
    try:
        anyio.run(_use_everything, path)
    except StoreError as error:
        return error.where == str(path)
    except VIOLATIONS:  # a rule of the schema has refused to write what is damaged
        return False
    return False
