"""Transactions: whole, apart from one another, and translated when they fail."""

import anyio
import pytest
from sqlalchemy import select, text

from runner.store.database import Database
from runner.store.tables import batches
from tests.store.kit import Store, submit


def test_concurrent_increments_are_never_lost(store: Store) -> None:
    """Two openers of one file: reads stand inside the transaction that writes."""

    async def increment(database: Database) -> None:
        for _ in range(20):
            async with database.write() as connection:
                old = await connection.scalar(select(batches.c.priority))
                await connection.execute(batches.update().values(priority=old + 1))

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 1)
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(increment, database)

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
            with pytest.raises(Exception, match="readonly"):
                await submit(reader)
        async with database.read() as reader:
            assert await reader.scalar(select(batches.c.id)) == 1

    store.run(main)


def test_a_cancelled_transaction_is_still_committed_whole(store: Store) -> None:
    async def main(database: Database) -> None:
        with anyio.CancelScope() as scope:
            async with database.write() as connection:
                scope.cancel()
                await submit(connection)

    store.run(main)
    assert store.one("SELECT loaded FROM batches") == 10


def test_a_commit_survives_a_power_cut_unless_it_need_not(store: Store) -> None:
    """FULL is 2; nobody but the one writer may checkpoint into another mode."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            assert await connection.scalar(text("PRAGMA synchronous")) == 2
            assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"

    store.run(main)
