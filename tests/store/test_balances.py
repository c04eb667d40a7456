"""Balances as they were seen: a row for each change, and never back in time."""

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.store import balances
from runner.store.balances import SeenBalance
from runner.store.database import Database
from tests.store.kit import ACCOUNT, HOUR, NOON, Store


async def note(
    connection: AsyncConnection, available: int, now: int, counted: tuple[int, int] = (0, 0)
) -> None:
    await balances.note(
        connection, ACCOUNT, available=available, frozen=0, counted=counted, now=now
    )


def test_a_balance_that_stays_the_same_is_one_row(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            for hour in range(3):
                await note(connection, 250, NOON + hour * HOUR)
            found = await balances.since(connection, ACCOUNT, 0)
            assert found == [SeenBalance(NOON, NOON + 2 * HOUR, 250, 0, 0, 0)]
            assert await balances.since(connection, "other", 0) == []

    store.run(main)


def test_what_our_calls_cost_since_the_last_look_is_kept_with_the_next(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await note(connection, 250, NOON, counted=(40, 0))
            await note(connection, 240, NOON + HOUR, counted=(10, 10))
            await note(connection, 240, NOON + 2 * HOUR, counted=(15, 5))
            found = await balances.since(connection, ACCOUNT, NOON + HOUR)
            assert [(seen.at, seen.charged) for seen in found] == [
                (NOON + HOUR, 10),
                (NOON + 2 * HOUR, 5),
            ]
            newest = await balances.latest(connection, ACCOUNT, NOON + HOUR)
            assert newest is not None
            assert newest.at == NOON

    store.run(main)


def test_a_clock_set_back_leaves_the_looks_in_their_order(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await note(connection, 250, NOON)
            await note(connection, 250, NOON - HOUR)
            await note(connection, 200, NOON - HOUR)
            found = await balances.since(connection, ACCOUNT, 0)
            assert [(seen.at, seen.until) for seen in found] == [(NOON, NOON), (NOON + 1, NOON + 1)]

    store.run(main)
