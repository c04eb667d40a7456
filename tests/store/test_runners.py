"""Who runs and who has died: told by the kernel's locks, at once."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import anyio
import pytest
from filelock import FileLock

from runner.errors import BusyError
from runner.store import runners
from runner.store.database import Database
from runner.store.opening import open_database
from tests.store.kit import NOON, Store, broken_promises, raw, rows, start, submit


def locks(path: Path) -> list[str]:
    return sorted(file.name for file in Path(f"{path}-runners").glob("*"))


def lock_of(path: Path, runner_id: int) -> FileLock:
    """The lock of a runner in another process."""
    folder = Path(f"{path}-runners")
    folder.mkdir(exist_ok=True)
    return FileLock(folder / f"{runner_id}.lock")


@contextmanager
def died(path: Path) -> Iterator[int]:
    """The epoch of a runner that left its row, and a lock that nobody holds."""
    with raw(path) as connection:
        row = connection.execute(
            "INSERT INTO runners (pid, host, started_at_ms) VALUES (1, 'here', 0) RETURNING id"
        ).fetchone()
    yield row[0]


def test_a_runner_is_alive_from_its_first_moment_to_its_last(store: Store) -> None:
    async def main(database: Database) -> None:
        assert await runners.alive(database) == []
        async with runners.registered(database, NOON) as one:
            async with runners.registered(database, NOON) as two:
                assert one != two
                assert await runners.alive(database) == [one, two]
                assert locks(store.path) == [f"{one}.lock", f"{two}.lock"]
            assert await runners.alive(database) == [one]
        assert await runners.alive(database) == []

    store.run(main)
    assert locks(store.path) == []
    assert store.rows("SELECT id FROM runners WHERE ended_at_ms IS NULL") == []


def test_an_epoch_is_never_given_twice(store: Store) -> None:
    async def main(database: Database) -> None:
        for epoch in (1, 2, 3):
            async with runners.registered(database, NOON) as runner_id:
                assert runner_id == epoch

    store.run(main)


def test_a_living_runner_is_never_rescued(store: Store) -> None:
    async def main(database: Database) -> None:
        async with (
            runners.registered(database, NOON) as one,
            runners.registered(database, NOON) as two,
        ):
            async with database.write() as connection:
                await start(connection, await submit(connection), runner_id=one)
            assert await runners.rescue_dead(database, two, NOON) == 0
            assert store.one("SELECT runner_id FROM jobs WHERE state = 'running'") == one

    store.run(main)


def test_a_dead_runner_is_rescued_at_once_and_its_lock_file_goes(store: Store) -> None:
    async def main(database: Database) -> None:
        with died(store.path) as dead:
            async with runners.registered(database, NOON) as living:
                async with database.write() as connection:
                    await start(connection, await submit(connection), runner_id=dead)
                assert await runners.alive(database) == [living]
                assert await runners.rescue_dead(database, living, NOON) == 1
                assert await runners.rescue_dead(database, living, NOON) == 0
                assert locks(store.path) == [f"{living}.lock"]

    store.run(main)
    assert store.rows("SELECT state FROM calls") == [("unseen",)]
    assert store.one("SELECT ready FROM batches") == 10
    assert broken_promises(store.path) == []


def test_several_rescuers_at_once_rescue_once(path: Path) -> None:
    """Each with connections of its own, as programs have them."""

    async def main() -> None:
        with died(path) as dead:
            async with AsyncExitStack() as stack:
                databases = [await stack.enter_async_context(open_database(path)) for _ in range(4)]
                async with databases[0].write() as connection:
                    await start(connection, await submit(connection), runner_id=dead)
                rescued: list[int] = []

                async def rescue(database: Database) -> None:
                    rescued.append(await runners.rescue_dead(database, 0, NOON))

                async with anyio.create_task_group() as tasks:
                    for database in databases:
                        tasks.start_soon(rescue, database)
                assert sorted(rescued) == [0, 0, 0, 1]

    anyio.run(main)
    assert rows(path, "SELECT state FROM calls") == [("unseen",)]
    assert broken_promises(path) == []


def test_looking_at_who_lives_rescues_nobody(store: Store) -> None:
    async def main(database: Database) -> None:
        with died(store.path):
            assert await runners.alive(database) == []

    store.run(main)
    assert store.rows("SELECT ended_at_ms FROM runners") == [(None,)]


def test_a_runner_that_ends_takes_back_what_it_still_had(store: Store) -> None:
    async def main(database: Database) -> None:
        async with (
            runners.registered(database, NOON) as runner_id,
            database.write() as connection,
        ):
            await start(connection, await submit(connection), runner_id=runner_id)

    store.run(main)
    assert store.one("SELECT ready FROM batches") == 10
    assert store.rows("SELECT state FROM calls") == [("unseen",)]


def test_a_runner_that_cannot_record_its_end_is_found_dead(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock is free, although its process lives on."""
    monkeypatch.setattr("runner.store.database.BUSY_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with open_database(path) as database:
            with raw(path) as other:
                with pytest.raises(BusyError) as kept:  # the error is kept, and its frames
                    async with runners.registered(database, NOON):
                        other.execute("BEGIN IMMEDIATE")
                other.execute("COMMIT")
            assert kept.value
            assert await runners.alive(database) == []
            await runners.rescue_dead(database, 0, NOON)

    anyio.run(main)
    assert rows(path, "SELECT id FROM runners WHERE ended_at_ms IS NULL") == []
    assert locks(path) == []


def test_a_cancelled_runner_still_records_its_end(store: Store) -> None:
    async def main(database: Database) -> None:
        with anyio.CancelScope() as scope:
            async with runners.registered(database, NOON):
                scope.cancel()
                await anyio.sleep(1)

    store.run(main)
    assert store.rows("SELECT id FROM runners WHERE ended_at_ms IS NULL") == []
    assert locks(store.path) == []


def test_a_lock_that_another_process_holds_is_alive(store: Store) -> None:
    async def main(database: Database) -> None:
        with died(store.path) as other:
            with lock_of(store.path, other):
                assert await runners.alive(database) == [other]
                assert await runners.rescue_dead(database, 0, NOON) == 0
            assert await runners.rescue_dead(database, 0, NOON) == 0
            assert await runners.alive(database) == []

    store.run(main)
    assert store.rows("SELECT ended_at_ms FROM runners") == [(NOON,)]
