"""Who runs and who has died: told by the kernel's locks, at once; and what is taken back."""

import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import anyio
import pytest
from filelock import FileLock
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Packing
from runner.core.retry import MAX_CRASHES, RetryAt, SplitPack
from runner.core.settlement import Call, Settlement
from runner.core.states import Counts
from runner.core.verdict import Scope
from runner.core.window import Quota, Unit
from runner.errors import BusyError
from runner.store import failures, liveness, runners
from runner.store.database import Database
from runner.store.opening import open_database
from runner.store.rescue import rescue
from tests.store.kit import (
    DAILY,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    OURS,
    QUOTAS,
    Store,
    asked_again,
    each,
    promote,
    reread,
    rescue_dead,
    settle,
    start,
    start_one,
    submit,
    throttled,
)
from tests.store.promises import broken_promises
from tests.store.releases import raw, rows


def noon() -> int:
    return NOON


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


# ---- epochs


def test_a_runner_is_alive_from_its_first_moment_to_its_last(store: Store) -> None:
    async def main(database: Database) -> None:
        assert await liveness.alive(database) == []
        async with runners.registered(database, noon) as one:
            async with runners.registered(database, noon) as two:
                assert one != two
                assert await liveness.alive(database) == [one, two]
                assert locks(database.path) == [f"{one}.lock", f"{two}.lock"]
            assert await liveness.alive(database) == [one]
        assert await liveness.alive(database) == []
        assert locks(database.path) == []

    store.run(main)
    assert store.rows("SELECT id FROM runners WHERE ended_at_ms IS NULL") == []


def test_who_lives_is_read_in_the_transaction_of_whoever_asks(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a second one, two who ask at once would wait for each other's connections for ever."""

    async def main(database: Database) -> None:
        async with (
            runners.registered(database, noon),
            database.read() as connection,
        ):
            with monkeypatch.context() as patch:
                patch.delattr(Database, "read")
                assert await liveness.living_processes(database, connection) == [os.getpid()]

    store.run(main)


def test_an_epoch_is_never_given_twice(store: Store) -> None:
    async def main(database: Database) -> None:
        for epoch in (1, 2, 3):
            async with runners.registered(database, noon) as runner_id:
                assert runner_id == epoch

    store.run(main)


def test_an_epoch_ends_at_the_moment_it_ends(store: Store) -> None:
    """A runner of eight hours is not one of none; and nobody ends it once more."""
    clock = [NOON]

    async def main(database: Database) -> None:
        async with runners.registered(database, lambda: clock[0]) as runner_id:
            clock[0] += 8 * HOUR
        clock[0] += HOUR
        await rescue_dead(database, now=clock[0])
        assert runner_id == 1

    store.run(main)
    assert store.rows("SELECT started_at_ms, ended_at_ms FROM runners") == [(NOON, NOON + 8 * HOUR)]


def test_an_epoch_does_not_end_before_it_begins_when_the_clock_is_set_back(store: Store) -> None:
    clock = [NOON]

    async def main(database: Database) -> None:
        async with runners.registered(database, lambda: clock[0]):
            clock[0] -= DAY

    store.run(main)
    assert store.rows("SELECT started_at_ms, ended_at_ms FROM runners") == [(NOON, NOON)]


def test_a_living_runner_is_never_rescued(store: Store) -> None:
    async def main(database: Database) -> None:
        async with (
            runners.registered(database, noon) as one,
            runners.registered(database, noon) as two,
        ):
            async with database.write() as connection:
                await start(connection, await submit(connection), runner_id=one)
            assert await rescue_dead(database, two) == 0
            assert store.one("SELECT runner_id FROM jobs WHERE state = 'running'") == one

    store.run(main)


def test_a_runner_that_ends_takes_back_what_it_still_had(store: Store) -> None:
    async def main(database: Database) -> None:
        async with (
            runners.registered(database, noon) as runner_id,
            database.write() as connection,
        ):
            await start(connection, await submit(connection), runner_id=runner_id)

    store.run(main)
    assert store.one("SELECT ready FROM batch_counts") == 10
    assert store.rows("SELECT state FROM calls") == [("unseen",)]
    assert store.broken() == []


def test_a_cancelled_runner_still_records_its_end(store: Store) -> None:
    async def main(database: Database) -> None:
        with anyio.CancelScope() as scope:
            async with runners.registered(database, noon):
                scope.cancel()
                await anyio.sleep(1)
        assert locks(database.path) == []

    store.run(main)
    assert store.rows("SELECT id FROM runners WHERE ended_at_ms IS NULL") == []


# ---- the dead, as the kernel's locks tell


def test_a_dead_runner_is_rescued_at_once_and_its_lock_file_goes(path: Path) -> None:
    async def main() -> None:
        async with open_database(path) as database:
            with died(path) as dead:
                async with runners.registered(database, noon) as living:
                    async with database.write() as connection:
                        await start(connection, await submit(connection), runner_id=dead)
                    assert await liveness.alive(database) == [living]
                    assert await rescue_dead(database, living) == 1
                    assert await rescue_dead(database, living) == 0
                    assert locks(path) == [f"{living}.lock"]

    anyio.run(main)
    assert rows(path, "SELECT state FROM calls") == [("unseen",)]
    assert rows(path, "SELECT ready FROM batch_counts") == [(10,)]
    assert broken_promises(path) == []


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
                    rescued.append(await rescue_dead(database))

                async with anyio.create_task_group() as tasks:
                    for database in databases:
                        tasks.start_soon(rescue, database)
                assert sorted(rescued) == [0, 0, 0, 1]

    anyio.run(main)
    assert rows(path, "SELECT state FROM calls") == [("unseen",)]
    assert broken_promises(path) == []


def test_asking_who_lives_rescues_nobody(path: Path) -> None:
    async def main() -> None:
        async with open_database(path) as database:
            with died(path):
                assert await liveness.alive(database) == []

    anyio.run(main)
    assert rows(path, "SELECT ended_at_ms FROM runners") == [(None,)]


def test_a_runner_that_cannot_record_its_end_is_found_dead(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock is free, although its process lives on."""
    monkeypatch.setattr("runner.store.sqlite.BUSY_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with open_database(path) as database:
            with raw(path) as other:
                with pytest.raises(BusyError) as kept:  # the error is kept, and its frames
                    async with runners.registered(database, noon):
                        other.execute("BEGIN IMMEDIATE")
                other.execute("COMMIT")
            assert kept.value
            assert await liveness.alive(database) == []
            await rescue_dead(database)

    anyio.run(main)
    assert rows(path, "SELECT id FROM runners WHERE ended_at_ms IS NULL") == []
    assert locks(path) == []


def test_a_runner_for_which_the_database_was_locked_too_long_does_not_wait_for_it_again(
    path: Path,
) -> None:
    """Whoever has stopped it would wait; the next runner rescues it."""

    async def main() -> None:
        async with open_database(path) as database:
            with pytest.raises(BusyError, match="too long"):
                async with runners.registered(database, noon):
                    raise BusyError("too long")
            assert await liveness.alive(database) == []
            assert rows(path, "SELECT count(*) FROM runners WHERE ended_at_ms IS NULL") == [(1,)]
            await rescue_dead(database)

    anyio.run(main)
    assert rows(path, "SELECT count(*) FROM runners WHERE ended_at_ms IS NULL") == [(0,)]
    assert locks(path) == []


def test_a_lock_that_another_process_holds_is_alive(path: Path) -> None:
    async def main() -> None:
        async with open_database(path) as database:
            with died(path) as other:
                with lock_of(path, other):
                    assert await liveness.alive(database) == [other]
                    assert await rescue_dead(database) == 0
                assert await rescue_dead(database) == 0
                assert await liveness.alive(database) == []

    anyio.run(main)
    assert rows(path, "SELECT ended_at_ms FROM runners") == [(NOON,)]


# ---- crashes


def test_a_job_that_was_in_so_many_deaths_fails_in_the_end(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 1)
        for day in range(MAX_CRASHES):
            assert (await reread(connection, batch)).counts == Counts(ready=1)
            await start_one(connection, batch, now=NOON + day * DAY)
            assert await rescue(connection, OURS, NOON) == 1
        assert (await reread(connection, batch)).done
        [failure] = await failures.first_failures(connection, batch, 10)
        assert f"died {MAX_CRASHES} times" in failure.error

    store.play(scene)
    assert store.one("SELECT count(*) FROM calls WHERE state = 'unseen'") == MAX_CRASHES
    assert store.rows("SELECT attempts, crashes FROM jobs") == [(MAX_CRASHES, MAX_CRASHES)]


def test_a_probe_that_has_reserved_nothing_in_a_window_is_taken_back_there(store: Store) -> None:
    """As one without a price; or the window would wait for it for ever."""
    credits_ = Quota("credits", Scope.ACCOUNT, 100, DAILY, unit=Unit.CREDITS)
    quotas = (*QUOTAS, credits_)

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        [probe] = await start(connection, batch, quotas=quotas)
        assert probe.permit.probe
        assert probe.permit.reserved["credits"][1] == 0
        await rescue(connection, OURS, NOON)
        assert await start(connection, batch, quotas=quotas)

    store.play(scene)


def test_only_deaths_count_as_crashes(store: Store) -> None:
    """A pack that timed out, was split, asked again and refused many times survives a kill."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 8, packing=Packing(8))
        now = NOON
        for _ in range(MAX_CRASHES):
            for end in (_timed_out, throttled, _split, asked_again):
                calls = await start(connection, batch, 8, now=now)
                await settle(connection, *(end(call) for call in calls), now=now)
                now += 20 * MINUTE
                await promote(connection, now)
        assert await start(connection, batch, 8, now=now)
        await rescue(connection, OURS, now)
        assert (await reread(connection, batch)).counts == Counts(ready=8)

    store.play(scene)
    assert store.one("SELECT min(attempts) FROM jobs") > MAX_CRASHES
    assert store.one("SELECT max(crashes) FROM jobs") <= 1


def _timed_out(call: Call) -> Settlement:
    return each(call, *[RetryAt(0, counted=False)] * len(call.jobs))


def _split(call: Call) -> Settlement:
    return each(call, *[SplitPack("missing")] * len(call.jobs))


def test_a_runner_that_ends_by_itself_has_not_crashed(store: Store) -> None:
    """As after Ctrl-C, twice: its calls are given up, and no row is to blame."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 1)
        for _ in range(MAX_CRASHES + 1):
            async with (
                runners.registered(database, noon) as runner_id,
                database.write() as connection,
            ):
                await start_one(connection, batch, runner_id)

    store.run(main)
    assert store.rows("SELECT state, crashes FROM jobs") == [("ready", 0)]
    assert store.broken() == []
