"""The ledger added up: reports read sums of ended calls, and say what the calls themselves say."""

from collections.abc import Sequence
from itertools import product

import pytest
from sqlalchemy import delete, literal_column, true
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.period import Grant
from runner.core.renewal import windows_at
from runner.core.retry import Accept
from runner.core.verdict import Scope
from runner.core.window import Quota, Unit
from runner.store import (
    balances,
    call_totals,
    image_tasks,
    ledger,
    reports,
    retries,
    tables,
    windows,
)
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.figures import Figures
from runner.store.ledger import Chosen
from runner.store.rescue import rescue
from runner.store.tables import calls
from runner.store.total_tables import call_blocks
from tests.store.kit import (
    ACCOUNT,
    DAY,
    HOUR,
    NOON,
    OURS,
    Store,
    asked_again,
    done,
    each,
    failed,
    faulted,
    never_left,
    open_gates,
    rejected,
    settle,
    settle_task,
    spent,
    start,
    start_one,
    submit,
    throttled,
)

ENDS = (done, failed, rejected, asked_again, throttled, never_left, done)
APART = ("hour", "model", "batch_id", "client")


@pytest.fixture(autouse=True)
def blocks_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are as small as the tests' ledgers."""
    monkeypatch.setattr(call_totals, "BLOCK", 4)


async def some_days(connection: AsyncConnection) -> list[Batch]:
    """Calls of two batches and models in three days, with every end; one is under way."""
    found = []
    for number, model in enumerate(("small", "large")):
        batch = await submit(connection, 40, digest=model, model=model)
        found.append(batch)
        await open_gates(connection, batch)
        for day, (hour, end) in product(range(3), enumerate(ENDS)):
            now = NOON + day * DAY + (number + hour) * HOUR
            await settle(connection, end(await start_one(connection, batch, now=now)), now=now)
    await settle(connection, faulted(await start_one(connection, batch, now=now), now), now=now)
    await start_one(connection, batch, now=now)
    return found


async def stored(connection: AsyncConnection) -> list[int]:
    return await call_totals.valid_blocks(connection, await call_totals.read_basis(connection))


async def of_calls(connection: AsyncConnection) -> dict[call_totals.CellKey, Figures]:
    """What the calls say, without the stored sums."""
    basis = await call_totals.read_basis(connection)
    return await call_totals.read_calls(connection, basis, true())


@pytest.mark.parametrize("apart", [(), ("hour",), ("model", "batch_id"), APART])
def test_sums_of_ended_calls_say_what_the_calls_say(store: Store, apart: Sequence[str]) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            first, _ = await some_days(connection)
        for chosen in (
            ledger.ALL,
            Chosen([first.id]),
            Chosen([]),
            Chosen(since="2026-11-25"),
            Chosen(until="2026-11-25", since="2026-11-25"),
        ):
            async with database.write() as connection:
                await connection.execute(delete(call_blocks))
                before = await ledger.read(connection, apart, chosen)
                days = await reports.daily(connection, batch_ids=chosen.batch_ids)
            await call_totals.add_up(database)
            async with database.read() as connection:
                assert len(await stored(connection)) >= 8
                after = await ledger.read(connection, apart, chosen)
                assert after == before
                assert await reports.daily(connection, batch_ids=chosen.batch_ids) == days
                if chosen == ledger.ALL:
                    total = sum((await of_calls(connection)).values(), Figures())
                    assert sum(after.cells.values(), Figures()) == total
                    assert sum(map(sum, after.hours.values())) == total.calls == 40

    store.run(main)
    assert store.broken() == []


def test_a_call_that_is_under_way_keeps_its_block_open_and_a_rescue_ends_it(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 40)
            await open_gates(connection, batch)
            one, *others = await start(connection, batch, 9)
            await settle(connection, *map(done, others))
        await call_totals.add_up(database)
        async with database.write() as connection:
            assert await stored(connection) == [1]  # calls 5 to 8; the second is open
            await rescue(connection, OURS, NOON)
        await call_totals.add_up(database)
        async with database.write() as connection:
            assert await stored(connection) == [0, 1]
            await settle(connection, done(one))  # paid for, so its answer counts, late
            assert await stored(connection) == [1]
            [figures] = (await ledger.read(connection)).cells.values()
            assert (figures.rows, figures.unseen) == (10, 1)
        await call_totals.add_up(database)
        async with database.read() as connection:
            assert await stored(connection) == [0, 1]
            assert [*(await ledger.read(connection)).cells.values()] == [figures]

    store.run(main)
    assert store.broken() == []


def test_failures_that_are_tried_again_no_longer_count_as_rows_brought_to_an_end(
    store: Store,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 20)
            await open_gates(connection, batch)
            for one in await start(connection, batch, 8):
                await settle(connection, failed(one))
        await call_totals.add_up(database)
        async with database.write() as connection:
            assert await stored(connection) == [0, 1]
            assert await retries.retry_failed(connection, batch) == 8
            assert await stored(connection) == []
            [figures] = (await ledger.read(connection)).cells.values()
            assert (figures.rows, figures.wasted) == (1, 8)

    store.run(main)
    assert store.broken() == []


def test_an_image_that_is_still_made_keeps_the_block_of_its_call_open(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 20)
            for number in range(6):
                call = await start_one(connection, batch)
                await settle(connection, each(call, Accept(f"t{number}")))
        await call_totals.add_up(database)
        async with database.write() as connection:
            assert await stored(connection) == []
            for _ in range(6):
                [task] = await image_tasks.lease_due(connection, [ACCOUNT], OURS, 1, NOON + HOUR)
                await settle_task(connection, image_tasks.done, task, "cat.png", NOON)
        await call_totals.add_up(database)
        async with database.read() as connection:
            assert await stored(connection) == [0]
            [figures] = (await ledger.read(connection)).cells.values()
            assert (figures.answered, figures.rows) == (6, 6)

    store.run(main)
    assert store.broken() == []


def test_sums_are_made_anew_when_the_price_of_calls_becomes_known(store: Store) -> None:
    """What calls cost is told from the first balance on, of the calls before it, too."""
    price = Quota("credits", Scope.ACCOUNT, None, Grant(), unit=Unit.CREDITS, primary=False)

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 20)
            await open_gates(connection, batch)
            for one in await start(connection, batch, 8):
                await settle(connection, done(one))
        await call_totals.add_up(database)
        async with database.write() as connection:
            assert await stored(connection) == [0, 1]
            [window] = windows_at({}, ACCOUNT, "", [price], NOON, 0)
            await windows.open_windows(connection, [window])
            await balances.note(
                connection, ACCOUNT, available=9_000, frozen=0, counted=(0, 0), now=NOON
            )
            assert await stored(connection) == []
        await call_totals.add_up(database)
        async with database.read() as connection:
            assert await stored(connection) == [0, 1]

    store.run(main)


def test_a_month_is_told_apart_by_days_and_hours_of_the_account(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 20)
            await open_gates(connection, batch)
            for one in await start(connection, batch, 8):
                await settle(connection, spent(one))
            for table in (calls, tables.windows):
                values = {"period_key": literal_column("'2026-11'")}
                await connection.execute(table.update().values(values))
        await call_totals.add_up(database)
        async with database.read() as connection:
            assert await stored(connection) == [0, 1]
            found = await ledger.read(connection, ("hour",))
            assert {(one.day, one.period_key, one.hour) for one in found.cells} == {
                ("2026-11-24", "2026-11", 12)
            }
            [day] = await reports.daily(connection)
            assert (day.day, day.calls) == ("2026-11", 9)

    store.run(main)
