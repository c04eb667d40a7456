"""Group commit: what waits is written together, and each learns what came of its own."""

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.engine.writer import LARGEST_GROUP, Writer
from runner.errors import BusyError
from runner.store.database import Database
from runner.store.tables import payloads
from tests.store.kit import Store, raw

Scene = Callable[[Writer], Awaitable[None]]


async def put(connection: AsyncConnection, number: int) -> int:
    """Write one row; what it returns is the caller's."""
    await connection.execute(insert(payloads).values(id=number, body="{}"))
    return number * 10


async def fail(connection: AsyncConnection) -> None:
    await put(connection, 99)
    raise ValueError("a culprit")


def written(store: Store) -> list[int]:
    return [number for (number,) in store.rows("SELECT id FROM payloads ORDER BY id")]


@pytest.fixture
def with_writer(store: Store) -> Callable[[Scene], int]:
    """Runs a scene beside a running writer; how many transactions were committed."""
    commits: list[object] = []

    def run(scene: Scene) -> int:
        async def main(database: Database) -> None:
            event.listen(database._writer.sync_engine, "commit", commits.append)
            writer = Writer(database)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(writer.run)
                await scene(writer)
                tasks.cancel_scope.cancel()

        store.run(main)
        return len(commits)

    return run


def test_work_is_committed_when_do_returns(
    store: Store, with_writer: Callable[[Scene], int]
) -> None:
    async def scene(writer: Writer) -> None:
        assert await writer.do(partial(put, number=4)) == 40
        assert written(store) == [4]

    assert with_writer(scene) == 1


def test_what_waits_is_written_in_one_transaction_and_each_gets_its_own_result(
    store: Store, with_writer: Callable[[Scene], int]
) -> None:
    results: dict[int, int] = {}

    async def one(writer: Writer, number: int) -> None:
        results[number] = await writer.do(partial(put, number=number))

    async def scene(writer: Writer) -> None:
        async with anyio.create_task_group() as callers:
            for number in range(50):
                callers.start_soon(one, writer, number)

    assert with_writer(scene) <= 3
    assert results == {number: number * 10 for number in range(50)}
    assert written(store) == list(range(50))


def test_a_group_has_its_limit(store: Store, with_writer: Callable[[Scene], int]) -> None:
    number = 3 * LARGEST_GROUP

    async def scene(writer: Writer) -> None:
        async with anyio.create_task_group() as callers:
            for each in range(number):
                callers.start_soon(writer.do, partial(put, number=each))

    assert 3 <= with_writer(scene) <= 5
    assert len(written(store)) == number


@pytest.mark.parametrize("culprit", [0, 3, 6])
def test_one_that_fails_fails_alone(
    store: Store, with_writer: Callable[[Scene], int], culprit: int
) -> None:
    caught: list[int] = []

    async def one(writer: Writer, number: int) -> None:
        try:
            await writer.do(fail if number == culprit else partial(put, number=number))
        except ValueError:
            caught.append(number)

    async def scene(writer: Writer) -> None:
        async with anyio.create_task_group() as callers:
            for number in range(7):
                callers.start_soon(one, writer, number)

    with_writer(scene)
    assert caught == [culprit]
    assert written(store) == [number for number in range(7) if number != culprit]


def test_the_writer_goes_on_behind_a_failure(
    store: Store, with_writer: Callable[[Scene], int]
) -> None:
    async def scene(writer: Writer) -> None:
        for number in range(3):
            with pytest.raises(ValueError, match="culprit"):
                await writer.do(fail)
            await writer.do(partial(put, number=number))

    with_writer(scene)
    assert written(store) == [0, 1, 2]


def test_the_work_of_a_cancelled_caller_is_still_done(
    store: Store, with_writer: Callable[[Scene], int]
) -> None:
    async def scene(writer: Writer) -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await writer.do(partial(put, number=1))
        await writer.do(partial(put, number=2))

    with_writer(scene)
    assert written(store) == [1, 2]


def test_a_caller_cancelled_in_the_midst_of_its_transaction_finds_it_whole(
    store: Store, with_writer: Callable[[Scene], int]
) -> None:
    async def scene(writer: Writer) -> None:
        with anyio.CancelScope() as scope:

            async def two(connection: AsyncConnection) -> None:
                await put(connection, 1)
                scope.cancel()
                await put(connection, 2)

            await writer.do(two)

    with_writer(scene)
    assert written(store) == [1, 2]


@pytest.mark.parametrize("turns", range(1, 7))
def test_what_was_handed_over_before_the_writer_is_cancelled_is_written(
    store: Store, turns: int
) -> None:
    """Whatever the writer is doing when it is told to stop."""

    async def main(database: Database) -> None:
        writer = Writer(database)
        async with anyio.create_task_group() as callers, anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            for number in range(5):
                callers.start_soon(writer.do, partial(put, number=number))
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    store.run(main)
    assert written(store) == [0, 1, 2, 3, 4]


def test_a_writer_that_has_ended_takes_nothing_more(store: Store) -> None:
    """Rather an error than a wait without end."""

    async def main(database: Database) -> None:
        writer = Writer(database)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            await writer.do(partial(put, number=1))
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5), pytest.raises(anyio.ClosedResourceError):
            await writer.do(partial(put, number=2))

    store.run(main)


def test_a_locked_database_makes_a_group_wait_once_and_not_each_in_turn(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.store.database.BUSY_TIMEOUT_S", 0.01)
    refused: list[int] = []
    said: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    async def one(writer: Writer, number: int) -> None:
        try:
            await writer.do(partial(put, number=number))
        except BusyError:
            refused.append(number)

    async def main(database: Database) -> None:
        writer = Writer(database)
        event.listen(database._writer.sync_engine, "before_cursor_execute", listen)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            with raw(store.path) as other:
                other.execute("BEGIN IMMEDIATE")
                async with anyio.create_task_group() as callers:
                    for number in range(8):
                        callers.start_soon(one, writer, number)
                other.execute("COMMIT")
            await one(writer, 9)
            tasks.cancel_scope.cancel()

    store.run(main)
    assert sorted(refused) == list(range(8))
    assert written(store) == [9]
    assert said.count("BEGIN IMMEDIATE") <= 3


def test_a_reader_sees_a_group_whole_or_not_at_all(
    store: Store, with_writer: Callable[[Scene], int]
) -> None:
    async def look(connection: AsyncConnection) -> None:
        await put(connection, 1)
        assert await connection.scalar(text("SELECT count(*) FROM payloads")) == 1
        assert written(store) == []
        await put(connection, 2)

    async def scene(writer: Writer) -> None:
        await writer.do(look)

    with_writer(scene)
    assert written(store) == [1, 2]
