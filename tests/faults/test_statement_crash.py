"""A crash between any two statements of a transaction: as if it had never begun."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.quota import Refused
from runner.core.settlement import Call, Settlement
from runner.store import batches, retries
from runner.store.database import Database
from runner.store.rescue import rescue
from tests.store.kit import (
    HOUR,
    NOON,
    OURS,
    Store,
    asked_again,
    done,
    failed,
    faulted,
    open_gates,
    promote,
    rejected,
    settle,
    spent,
    start,
    submit,
    throttled,
    try_start,
)
from tests.support.statements import watched

Scene = Callable[[AsyncConnection, list[Call]], Awaitable[object]]


class Crash(Exception):  # noqa: N818 - an event, not an error
    """The program ends here."""


def ending(end: Callable[[Call], Settlement]) -> Scene:
    return lambda connection, started: settle(connection, end(started[0]))


async def starting(connection: AsyncConnection, _started: list[Call]) -> None:
    batch = await batches.get_batch(connection, 1)
    assert batch is not None
    assert not isinstance(await try_start(connection, batch, 4), Refused)


async def late_answer(connection: AsyncConnection, started: list[Call]) -> None:
    await rescue(connection, OURS, NOON)
    await settle(connection, done(started[0]))


async def loading(connection: AsyncConnection, _started: list[Call]) -> None:
    await submit(connection, digest="second")


async def retrying(connection: AsyncConnection, started: list[Call]) -> None:
    await settle(connection, failed(started[0]))
    batch = await batches.get_batch(connection, 1)
    assert batch is not None
    assert await retries.retry_failed(connection, batch) == 1


async def promoting(connection: AsyncConnection, started: list[Call]) -> None:
    await settle(connection, faulted(started[0], NOON + HOUR))
    await promote(connection, NOON + HOUR)


SCENES: dict[str, Scene] = {
    "start": starting,
    "rescue": lambda connection, _started: rescue(connection, OURS, NOON),
    "answer": ending(done),
    "failure": ending(failed),
    "rejection": ending(rejected),
    "fault": ending(lambda one: faulted(one, NOON + HOUR)),
    "another question": ending(asked_again),
    "throttling": ending(throttled),
    "spent": ending(spent),
    "late answer": late_answer,
    "load": loading,
    "retry": retrying,
    "promotion": promoting,
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_crash_at_any_statement_leaves_the_database_as_before(store: Store, scene: Scene) -> None:
    """Statement after statement, the last of them COMMIT; then the scene plays undisturbed."""
    survived: list[int] = []

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await open_gates(connection, batch)
            started = await start(connection, batch, 3)
        before = store.dump()
        number = 0
        while not await _completes(database, lambda c: scene(c, started), number):
            assert store.dump() == before
            number += 1
        survived.append(number)
        assert store.dump() != before

    store.run(main)
    assert survived[0] >= 3
    assert store.broken() == []


async def _completes(
    database: Database, work: Callable[[AsyncConnection], Awaitable[object]], number: int
) -> bool:
    """Whether `work` came to its end without reaching statement `number`, where it crashes."""
    left = number

    def count(*_arguments: object) -> None:
        nonlocal left
        if left == 0:
            raise Crash
        left -= 1

    engine = database._writer.sync_engine
    try:
        async with database.write() as connection:
            with watched(engine, count):
                await work(connection)
            count()  # the last statement is COMMIT
    except Crash:
        return False
    return True
