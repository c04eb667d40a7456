"""A database of the first release, with a batch half done, is upgraded by opening it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from filelock import FileLock
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from runner.core.ending import Ending
from runner.core.states import BatchState
from runner.errors import BusyError, DiskFullError
from runner.store import batches, database, migrate
from runner.store.batches import Batch
from runner.store.opening import open_database
from tests.store.kit import broken_promises, dump, make_first_release, raw, rows, schema
from tests.support.world import UTC8, World, right_answer, simulate

KILLED = datetime(2026, 1, 6, 0, 0, 44, tzinfo=UTC8)
NEXT_DAY = KILLED + timedelta(days=1)
OLD_RUNNER = 1
# What is new in a table of before, as its old rows have it.
NEW = {
    "batches": {
        "part_of": None,
        "part": "",
        "stride": 1,
        "pack": 1,
        "pack_bytes": None,
        "reuse": 0,
        "pending": 0,
        "following": 0,
        "reused": 0,
        "rejected": 0,
    },
    "jobs": {"splits": 0, "duplicate_of": None},
    "results": {"reused": 0},
    "calls": {"jobs": 1},
}

Records = dict[str, list[dict[str, Any]]]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "queue.db"
    make_first_release(path)
    return path


def opening(path: Path, *, inline: bool = False) -> None:
    async def main() -> None:
        async with open_database(path, inline=inline):
            pass

    anyio.run(main)


def copy_of(path: Path) -> Path:
    return path.with_name("queue.db.revision-0001.bak")


def revision(path: Path) -> str:
    [(found,)] = rows(path, "SELECT version_num FROM alembic_version")
    return str(found)


def records(path: Path) -> Records:
    """Every row of every table, by column: their order in a table has no meaning."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608
            for (name,) in tables.fetchall()
        }


def as_upgraded(before: Records) -> Records:
    """What the records of the first release are to become."""
    after = {name: [row | NEW.get(name, {}) for row in found] for name, found in before.items()}
    for batch in after["batches"]:
        batch["first_payload"] = batch["first_job"]
    for payload in after["payloads"]:
        payload["id"] = payload.pop("job_id")
    for call in after["calls"]:
        del call["job_id"]
    after["alembic_version"] = [{"version_num": migrate.revisions()[-1]}]
    return after | {"requests": [], "asks": [], "tasks": [], "balances": []}


def test_the_first_revision_is_what_was_published(old: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.db"
    engine = create_engine(f"sqlite:///{made}")
    with engine.begin() as connection:
        migrate._upgrade(connection, "0001")
    engine.dispose()
    assert schema(made) == schema(old)


@pytest.mark.parametrize("inline", [False, True])
def test_every_row_is_there_after_the_upgrade(old: Path, *, inline: bool) -> None:
    before, kept = records(old), dump(old)
    opening(old, inline=inline)
    assert records(old) == as_upgraded(before)
    assert broken_promises(old) == []
    assert dump(copy_of(old)) == kept


def test_an_upgraded_database_is_as_a_new_one(old: Path, path: Path) -> None:
    """Checks and partial indexes, too."""
    fresh = path.rename(path.with_name("fresh.db"))
    opening(old)
    assert schema(old) == schema(fresh)


def test_calls_that_were_rejected_are_counted(old: Path) -> None:
    """Or as many again would be wasted on a batch that is rejected whatever it asks."""
    with raw(old) as connection:
        connection.execute("UPDATE calls SET state = 'rejected' WHERE id IN (1, 2, 4)")
    opening(old)
    assert rows(old, "SELECT id, rejected FROM batches") == [(1, 2), (2, 1)]


def test_the_batch_runs_to_its_end_after_the_upgrade(old: Path) -> None:
    """The dead runner's jobs are rescued, its calls count, and what was answered stays."""
    before = records(old)

    async def story(world: World) -> None:
        letters, halfway = await everything(world)
        await load_the_rest(world, halfway)
        assert await world.run() is Ending.DONE
        for batch in (letters, halfway):
            await all_is_answered(world, batch)
        assert await world.defects() == []

    simulate(old.parent, story, start=NEXT_DAY, calls_per_day=45)
    assert broken_promises(old) == []
    results = {row["job_id"]: row for row in records(old)["results"]}
    assert [results[row["job_id"]] for row in before["results"]] == as_upgraded(before)["results"]
    in_flight = [row["id"] for row in before["calls"] if row["state"] == "reserved"]
    unseen = rows(old, "SELECT id FROM calls WHERE state = 'unseen'")
    assert [call for (call,) in unseen] == in_flight
    assert rows(old, "SELECT count(*) FROM runners WHERE ended_at_ms IS NULL") == [(0,)]


async def everything(world: World) -> list[Batch]:
    async with world.database.read() as connection:
        return await batches.list_batches(connection)


async def load_the_rest(world: World, batch: Batch) -> None:
    texts = [f'{{"text":"halfway {number}"}}' for number in range(batch.rows_loaded, batch.rows)]
    asks = [text.encode() for text in texts]
    async with world.database.write() as connection:
        await enqueue.enqueue(connection, batch, batch.rows_loaded, texts, asks, world.clock.now())
        await batches.set_batch_state(connection, batch.id, BatchState.ACTIVE)


async def all_is_answered(world: World, batch: Batch) -> None:
    found = await world.rows(batch)
    assert len(found) == batch.rows
    answered = [row for row in found if row.state == "succeeded"]
    assert all(right_answer(row) for row in answered)
    assert len(answered) + batch.counts.failed == batch.rows


def at_each_statement(path: Path, act: Callable[[], None]) -> None:
    """Upgrade the database at `path`; before each statement of it, `act`."""

    def on_statement(*_: Any) -> None:
        act()

    event.listen(Engine, "before_cursor_execute", on_statement)
    try:
        opening(path, inline=True)
    finally:
        event.remove(Engine, "before_cursor_execute", on_statement)


def test_a_kill_at_any_statement_leaves_the_old_database(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill leaves the file and its log as they are at that moment; here they are copied.

    With next to no cache, the log has the most of what is not committed.
    """
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "cache_size = 1"))
    before, left = dump(old), list[Path]()

    def kill() -> None:
        folder = tmp_path / str(len(left))
        folder.mkdir()
        for file in old.parent.glob("queue.db*"):
            if file.is_file() and not file.name.endswith("-shm"):
                shutil.copy(file, folder)
        left.append(folder / old.name)

    at_each_statement(old, kill)
    assert len(left) > 50
    assert Path(f"{left[-1]}-wal").stat().st_size > 100_000
    after = dump(old)
    for path in left:
        assert dump(path) == before
    for path in left[::10]:
        opening(path)
        assert dump(path) == after
        assert dump(copy_of(path)) == before


def test_an_error_at_any_statement_leaves_the_old_database(old: Path) -> None:
    before, number = dump(old), 0
    while fails_at(old, number):
        assert dump(old) == before
        number += 1
    assert number > 50
    assert broken_promises(old) == []


def fails_at(path: Path, number: int) -> bool:
    """Whether the upgrade has that many statements, and the disk fails at the next."""
    countdown = iter(range(number))

    def fail() -> None:
        if next(countdown, None) is None:
            raise sqlite3.OperationalError("disk I/O error")

    try:
        at_each_statement(path, fail)
    except DiskFullError:
        return True
    return False


def test_a_copy_of_an_upgrade_that_came_to_nothing_is_made_anew(old: Path) -> None:
    """The old program may have gone on meanwhile."""
    copy_of(old).write_text("of yesterday")
    before = dump(old)
    opening(old)
    assert dump(copy_of(old)) == before


def test_one_is_told_of_the_upgrade_and_where_the_copy_is(old: Path) -> None:
    told: list[Path] = []

    async def main() -> None:
        for _ in range(2):
            async with open_database(old, on_upgrade=told.append):
                pass

    anyio.run(main)
    assert told == [copy_of(old)]


def test_a_runner_of_the_old_version_is_left_to_its_work(old: Path) -> None:
    """It could not record the answers to the calls it has under way, and they were paid."""
    folder = Path(f"{old}-runners")
    folder.mkdir()
    before = dump(old)
    with FileLock(folder / f"{OLD_RUNNER}.lock", thread_local=False):
        with pytest.raises(BusyError, match=r"older version.*process 4711") as refused:
            opening(old)
        assert "Ctrl-C" in str(refused.value)
    assert dump(old) == before
    assert not copy_of(old).exists()
    opening(old)
    assert revision(old) == migrate.revisions()[-1]


def test_an_old_runner_that_begins_too_late_can_start_no_call(old: Path) -> None:
    """It waited for the upgrade to register; a call must be reserved before it is sent."""
    opening(old)
    late = pytest.raises(sqlite3.OperationalError, match="no column named job_id")
    with raw(old) as connection, late:
        connection.execute("INSERT INTO calls (batch_id, job_id) VALUES (1, 35)")
