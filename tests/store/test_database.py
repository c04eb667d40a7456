"""Transactions: whole, apart from one another; and who has written is known."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import StoreError
from runner.store.damage import DamageError
from runner.store.database import Database
from runner.store.opening import open_database
from runner.store.sqlite import table_names
from runner.store.statement import Statement, defer_writes
from runner.store.tables import batches
from tests.store.kit import Store, submit


def test_concurrent_increments_are_never_lost(store: Store) -> None:
    """Two programs on one database: reads stand inside the transaction that writes."""

    async def increment(database: Database) -> None:
        for _ in range(20):
            async with database.write() as connection:
                old = await connection.scalar(select(batches.c.priority))
                await connection.execute(batches.update().values(priority=old + 1))

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 1)
        async with store.opened() as other, anyio.create_task_group() as tasks:
            for each in (database, other, database, other):
                tasks.start_soon(increment, each)

    store.run(main)
    assert store.one("SELECT priority FROM batches") == 80


def test_a_body_that_raises_changes_nothing(store: Store) -> None:
    before = store.dump()

    async def main(database: Database) -> None:
        with pytest.raises(ValueError, match="halfway"):  # noqa: PT012 - a transaction
            async with database.write() as connection:
                await submit(connection)
                raise ValueError("halfway")

    store.run(main)
    assert store.dump() == before


def test_a_reader_sees_one_moment_and_cannot_write(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.read() as reader:
            assert await reader.scalar(select(batches.c.id)) is None
            async with database.write() as connection:
                await submit(connection)
            assert await reader.scalar(select(batches.c.id)) is None
        with pytest.raises(Exception, match="read"):  # noqa: PT012 - a transaction
            async with database.read() as reader:
                assert await reader.scalar(select(batches.c.id)) == 1
                await submit(reader)

    store.run(main)


def test_a_cancelled_transaction_is_still_committed_whole(store: Store) -> None:
    async def main(database: Database) -> None:
        with anyio.CancelScope() as scope:
            async with database.write() as connection:
                scope.cancel()
                await submit(connection)

    store.run(main)
    assert store.one("SELECT rows_loaded FROM batch_counts") == 10


# Takes a tenth of a second, and has a row that is still to be read then.
COUNTING = """UPDATE batches SET priority = (
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000)
    SELECT max(i) FROM n) RETURNING id"""


def test_a_task_that_is_cancelled_changes_nothing_and_the_next_one_writes(path: Path) -> None:
    """By asyncio, as on Ctrl-C or after a time-out: no shield of anyio's keeps that off.

    The errors are kept, and with them what their frames refer to.
    """
    kept: list[object] = []

    async def count(database: Database, began: anyio.Event) -> None:
        async with database.write() as connection:
            await submit(connection)
            began.set()
            await connection.execute(text(COUNTING))

    async def main() -> None:
        async with open_database(path) as database:
            for _ in range(3):
                began = anyio.Event()
                counting = asyncio.create_task(count(database, began))
                await began.wait()
                await anyio.sleep(0.02)  # until the statement runs, in a thread
                counting.cancel()
                with pytest.raises(asyncio.CancelledError) as caught:
                    await counting
                kept.append(caught)
            async with database.write() as connection:
                await submit(connection)

    anyio.run(main)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM batches").fetchall() == [(1,)]


# ---- who has written


async def revision_of(database: Database) -> tuple[int, int]:
    """Write something, and tell the revision as the writer sees it."""
    async with database.write() as connection:
        await touch(connection)
        return database.revision(connection)


async def touch(connection: AsyncConnection) -> None:
    await connection.execute(update(batches).values(priority=batches.c.priority + 1))


def is_next(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether nobody has written between two transactions of one writer."""
    return after == (before[0], before[1] + 1)


def test_a_writer_that_is_alone_knows_it(store: Store) -> None:
    async def main(database: Database) -> None:
        first = await revision_of(database)
        async with database.read() as connection:
            await connection.scalar(select(batches.c.id))
        assert is_next(first, await revision_of(database))

    store.run(main)


def test_a_writer_knows_of_another_program_that_has_written(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 1)
        first = await revision_of(database)
        async with store.opened() as other:
            await revision_of(other)
        assert not is_next(first, await revision_of(database))

    store.run(main)


def test_a_writer_knows_of_another_task_that_has_written(store: Store) -> None:
    async def main(database: Database) -> None:
        first = await revision_of(database)
        async with database.write() as connection:
            await touch(connection)
        assert not is_next(first, await revision_of(database))

    store.run(main)


def test_a_writer_knows_of_another_task_that_waited_while_it_wrote(store: Store) -> None:
    """That one asked for the lock before the writer looked, and wrote afterwards."""
    revisions: list[tuple[int, int]] = []

    async def main(database: Database) -> None:
        async with anyio.create_task_group() as tasks, database.write() as connection:
            tasks.start_soon(revision_of, database)
            await anyio.wait_all_tasks_blocked()
            revisions.append(database.revision(connection))
        assert not is_next(revisions[0], await revision_of(database))

    store.run(main)


def test_a_writer_takes_nothing_for_granted_over_a_new_connection(store: Store) -> None:
    """What it compares with was told by a connection that is gone."""

    async def main(database: Database) -> None:
        first = await revision_of(database)
        await database.close()
        await database._writer.dispose()
        assert not is_next(first, await revision_of(database))

    store.run(main)


def test_what_a_process_left_half_done_when_it_made_the_file_is_undone_before_it_is_watched(
    tmp_path: Path,
) -> None:
    """SQLite makes the file smaller then, which is no sign that somebody replaced it."""
    dying = sqlite3.connect(tmp_path / "dying.db", isolation_level=None)
    dying.execute("PRAGMA cache_size = 1")
    dying.execute("BEGIN")
    dying.execute("CREATE TABLE half_done (text)")
    dying.executemany("INSERT INTO half_done VALUES (?)", [("x" * 1_000,)] * 200)
    path = tmp_path / "left.db"
    for suffix in ("", "-journal"):
        shutil.copy(tmp_path / f"dying.db{suffix}", f"{path}{suffix}")
    dying.close()

    async def main() -> None:
        async with open_database(path) as database:
            database.check_files()
            assert "half_done" not in await names_in(database)

    anyio.run(main)


async def names_in(database: Database) -> set[str]:
    async with database.read() as connection:
        return await table_names(connection)


# ---- writes that travel with the next statement

MORE = Statement(update(batches).values(priority=batches.c.priority + bindparam("more")))
NONE = Statement(update(batches).where(batches.c.id == bindparam("id")).values(priority=7))
IMPOSSIBLE = Statement(update(batches).values(state=bindparam("state")))


async def queued(database: Database) -> None:
    async with database.write() as connection:
        await submit(connection, 1)


def test_a_deferred_write_is_seen_by_the_next_read_and_committed(store: Store) -> None:
    async def main(database: Database) -> None:
        await queued(database)
        async with database.write() as connection:
            defer_writes(connection)
            await MORE.run(connection, [{"more": 2}])
            assert await connection.scalar(select(batches.c.priority)) == 2
            await MORE.run(connection, [{"more": 3}, {"more": 4}])

    store.run(main)
    assert store.one("SELECT priority FROM batches") == 9


@pytest.mark.parametrize("error", ["of the body", "of the write"])
def test_a_transaction_with_deferred_writes_that_fails_changes_nothing(
    store: Store, error: str
) -> None:
    async def main(database: Database) -> None:
        await queued(database)
        with pytest.raises(Exception, match=r"halfway|CHECK"):  # noqa: PT012 - a transaction
            async with database.write() as connection:
                defer_writes(connection)
                await MORE.run(connection, [{"more": 2}])
                if error == "of the body":
                    raise ValueError("halfway")
                await IMPOSSIBLE.run(connection, [{"state": "none"}])
        async with database.write() as connection:
            await MORE.run(connection, [{"more": 5}])

    store.run(main)
    assert store.one("SELECT priority FROM batches") == 5


def test_a_deferred_write_that_finds_too_few_rows_fails_its_transaction(store: Store) -> None:
    async def main(database: Database) -> None:
        await queued(database)
        with pytest.raises(StoreError, match="not there"):  # noqa: PT012 - a transaction
            async with database.write() as connection:
                defer_writes(connection)
                missing = DamageError("a batch is not there")
                await MORE.run(connection, [{"more": 2}], missing=missing)
                await NONE.run(connection, [{"id": 99}], missing=missing)

    store.run(main)
    assert store.one("SELECT priority FROM batches") == 0
