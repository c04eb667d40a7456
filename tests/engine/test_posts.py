"""Work that is posted to the engine's next transaction."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.engine.posts import Posts
from runner.errors import StoreError
from runner.store.counts import Changes
from runner.store.database import Database
from tests.store.kit import Store

CREATE = text("CREATE TABLE visits (id INTEGER PRIMARY KEY)")


async def insert(connection: AsyncConnection, number: int) -> int:
    await connection.execute(text("INSERT INTO visits VALUES (:id)"), {"id": number})
    return number


async def take_turn(database: Database, posts: Posts) -> Changes:
    """A turn of the engine, as far as posts are concerned; the changes of counts in it."""
    changes = Changes()
    async with database.write() as connection:
        items = await posts.run(connection, changes)
    posts.finish(items)
    return changes


def test_work_is_done_in_one_transaction_and_told_when_it_is_committed(store: Store) -> None:
    found: list[int] = []

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await connection.execute(CREATE)
        posts = Posts(lambda: None)

        async def post(number: int) -> None:
            found.append(await posts.post(lambda c, _: insert(c, number)))

        async with anyio.create_task_group() as tasks:
            for number in (1, 2, 3):
                tasks.start_soon(post, number)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            assert posts
            assert not found, "nothing is told before it is committed"
            await take_turn(database, posts)

    store.run(main)
    assert sorted(found) == [1, 2, 3]
    assert store.one("SELECT count(*) FROM visits") == 3


def test_work_that_fails_changes_nothing_and_harms_no_other(store: Store) -> None:
    failures: list[type[Exception]] = []

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await connection.execute(CREATE)
        posts = Posts(lambda: None)

        async def broken(connection: AsyncConnection, changes: Changes) -> None:
            await insert(connection, 7)
            changes.add(1, "reused", 7)
            raise ZeroDivisionError

        async def post_broken() -> None:
            try:
                await posts.post(broken)
            except ZeroDivisionError as error:
                failures.append(type(error))

        async def good(connection: AsyncConnection, changes: Changes) -> None:
            await insert(connection, 8)
            changes.add(1, "reused", 8)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post_broken)
            tasks.start_soon(posts.post, good)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            changes = await take_turn(database, posts)
        assert changes.by_batch == {1: {"reused": 8}}

    store.run(main)
    assert failures == [ZeroDivisionError]
    assert store.rows("SELECT id FROM visits") == [(8,)]


def test_what_is_posted_to_an_engine_that_has_ended_is_refused(store: Store) -> None:
    async def main(_database: Database) -> None:
        posts = Posts(lambda: None)
        posts.close()
        with pytest.raises(StoreError, match="has ended"):
            await posts.post(lambda c, _: insert(c, 1))

    store.run(main)
