"""A database of an earlier release, with batches half done, is upgraded by opening it."""

import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from filelock import FileLock
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from runner.core.states import BatchState
from runner.core.stop_reason import StopReason
from runner.errors import BusyError, StoreError
from runner.store import batch_updates, batches, enqueue, migrate
from runner.store import sqlite as dialect
from runner.store.batches import Batch
from runner.store.opening import open_database
from tests.store.kit import fingerprint
from tests.store.promises import broken_promises
from tests.store.releases import Records, dump, make_release, raw, records, rows, schema
from tests.support.world import UTC8, World, right_answer, simulate

RELEASES = ("0001", "0002")
OLD_RUNNER = 1
# When each of them is gone on with, and the provider that it was killed before.
NEXT_DAYS = {
    "0001": datetime(2026, 1, 7, 0, 0, 44, tzinfo=UTC8),
    "0002": datetime(2026, 1, 7, 0, 0, 30, tzinfo=UTC8),
}
PROVIDERS: dict[str, dict[str, Any]] = {
    "0001": {"calls_per_day": 45},
    "0002": {
        "calls_per_day": None,
        "credits": 18.0,
        "models": (),
        "retired": frozenset({"gone/model"}),
    },
}

# What was new in a table of the second release, as the rows of the first have it.
NEW_IN_0002 = {
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
    "jobs": {"halvings": 0, "leader_id": None},
    "results": {"reused": 0},
    "calls": {"jobs": 1},
}
NO_TABLES_OF_0002: Records = {"requests": [], "asks": [], "tasks": [], "balances": []}
# What columns and tables of the second release are called since.
COLUMNS = {
    "batches": {
        "note": "pause_reason",
        "first_payload": "first_row",
        "stride": "row_step",
        "pack": "max_rows_per_call",
        "pack_bytes": "max_bytes_per_call",
        "reuse": "reuse_answers",
        "loaded": "rows_loaded",
        "following": "duplicate",
        "calls": "calls_made",
        "rejected": "calls_rejected",
    },
    "jobs": {
        "claims": "attempts",
        "asks": "invalid_replies",
        "halvings": "splits",
        "leader_id": "duplicate_of",
    },
    "asks": {"why": "reason"},
    "tasks": {"since_ms": "started_at_ms"},
    "calls": {
        "jobs": "rows_asked",
        "day": "period_key",
        "held_json": "reserved_json",
        "rows": "rows_finished",
        "why": "error",
    },
    "windows": {
        "day": "period_key",
        "carried": "previous_spent",
        "started_at_ms": "last_start_at_ms",
        "doubts_json": "unconfirmed_json",
        "opens_at_ms": "parked_until_ms",
        "probe": "needs_probe",
        "probing": "probe_in_flight",
        "cause": "park_reason",
        "why": "park_message",
    },
}
TABLES = {
    "payloads": "rows",
    "requests": "fingerprints",
    "asks": "invalid_replies",
    "tasks": "image_tasks",
}
NEW_IN_0004 = {
    "batches": {
        "job_path": "",
        "selection": "",
        "output": None,
        "error_output": None,
        "is_trial": 0,
        "replaced_by": None,
        "deleted_at_ms": None,
    },
    "calls": {"jobs_asked": ""},
}
NEW_IN_0010 = {"input_json": ""}
COUNTS = (
    "rows_loaded",
    "ready",
    "waiting",
    "running",
    "succeeded",
    "failed",
    "pending",
    "duplicate",
    "reused",
    "calls_made",
    "calls_rejected",
)
TOTALS = ("call_blocks", "call_totals")
NEW_COUNTS = {"reviews_made": 0}
WORDS = {"following": "duplicate", "faulty": "circuit_open", "early": "reset"}


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(tmp_path: Path, release: str) -> Path:
    path = tmp_path / "queue.db"
    make_release(path, release)
    return path


def opening(path: Path, *, inline: bool = False) -> None:
    async def main() -> None:
        async with open_database(path, inline=inline):
            pass

    anyio.run(main)


def copy_of(path: Path, release: str) -> Path:
    return path.with_name(f"queue.db.revision-{release}.bak")


def as_second_release(first: Records) -> Records:
    """What the second release made of the records of the first."""
    after = {
        name: [row | NEW_IN_0002.get(name, {}) for row in found] for name, found in first.items()
    }
    for batch in after["batches"]:
        batch["first_payload"] = batch["first_job"]
    for payload in after["payloads"]:
        payload["id"] = payload.pop("job_id")
    for call in after["calls"]:
        del call["job_id"]
    return after | NO_TABLES_OF_0002


def as_upgraded(release: str, before: Records) -> Records:
    """What the records of an earlier release are to become."""
    second = as_second_release(before) if release == "0001" else before
    after = {TABLES.get(name, name): _renamed(name, found) for name, found in second.items()}
    after["batch_counts"] = [
        {"batch_id": batch["id"]} | {name: batch.pop(name) for name in COUNTS} | NEW_COUNTS
        for batch in after["batches"]
    ]
    for job in after["jobs"]:
        job |= {"crashes": 0, "state": WORDS.get(job["state"], job["state"])}
    for window in after["windows"]:
        window |= {"by_clients": 0, "refused": 0}
        window["park_reason"] = WORDS.get(window["park_reason"], window["park_reason"])
    for task in after["image_tasks"]:
        task["runner_id"] = None
    for call in after["calls"]:
        if call["settled_at_ms"] is not None:
            call["settled_at_ms"] = max(call["settled_at_ms"], call["reserved_at_ms"])
        call["client"] = None
    for name, new in NEW_IN_0004.items():
        after[name] = [row | new for row in after[name]]
    after["batches"] = [row | NEW_IN_0010 for row in after["batches"]]
    after["alembic_version"] = [{"version_num": migrate.revisions()[-1]}]
    new = ("set_aside", "client_keys", "api_files", "api_batches", "reviews", *TOTALS)
    new = (*new, "refused_formats")
    return after | {name: [] for name in new}


def _renamed(table: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = COLUMNS.get(table, {})
    return [{names.get(name, name): value for name, value in row.items()} for row in found]


def test_the_releases_left_something_in_every_table_and_state(tmp_path: Path) -> None:
    """Or the upgrade of what is missing would not be tested."""
    make_release(path := tmp_path / "queue.db", "0002")
    left = records(path)
    assert [name for name, found in left.items() if not found] == []
    assert {job["state"] for job in left["jobs"]} == {
        "ready",
        "waiting",
        "running",
        "pending",
        "following",
        "succeeded",
        "failed",
    }
    assert {batch["state"] for batch in left["batches"]} == {"loading", "active", "paused"}
    assert {"", "vote 2", "check"} == {batch["part"] for batch in left["batches"]}
    assert {"reserved", "done"} < {call["state"] for call in left["calls"]}


@pytest.mark.parametrize("revision", RELEASES)
def test_the_revisions_make_what_was_published(tmp_path: Path, revision: str) -> None:
    make_release(published := tmp_path / "published.db", revision)
    made = tmp_path / "made.db"
    engine = create_engine(f"sqlite:///{made}")
    with engine.begin() as connection:
        migrate._upgrade(connection, revision)
    engine.dispose()
    assert schema(made) == schema(published)


@pytest.mark.parametrize("inline", [False, True])
def test_every_row_is_there_after_the_upgrade(old: Path, release: str, *, inline: bool) -> None:
    before, kept = records(old), dump(old)
    opening(old, inline=inline)
    assert records(old) == as_upgraded(release, before)
    assert broken_promises(old) == []
    assert dump(copy_of(old, release)) == kept


def test_an_upgraded_database_is_as_a_new_one(old: Path, blank: Path) -> None:
    """Checks and partial indexes, too."""
    opening(old)
    assert schema(old) == schema(blank)


def test_calls_that_were_rejected_are_counted(tmp_path: Path) -> None:
    """Or as many again would be wasted on a batch that is rejected whatever it asks."""
    make_release(old := tmp_path / "queue.db", "0001")
    with raw(old) as connection:
        connection.execute("UPDATE calls SET state = 'rejected' WHERE id IN (1, 2, 4)")
    opening(old)
    assert rows(old, "SELECT batch_id, calls_rejected FROM batch_counts") == [(1, 2), (2, 1)]


def test_calls_that_never_left_count_no_longer(old: Path) -> None:
    """Neither for a batch nor, if it is a part, for the whole."""
    with raw(old) as connection:
        ended = "rows = 0 AND settled_at_ms IS NOT NULL"
        connection.execute(f"UPDATE calls SET state = 'local' WHERE {ended}")  # noqa: S608
    opening(old)
    assert broken_promises(old) == []


def test_windows_that_have_lost_their_probe_are_probed_again(old: Path) -> None:
    with raw(old) as connection:
        connection.execute("UPDATE calls SET probe = 0")
        connection.execute("UPDATE windows SET probe = 1, probing = 1")
    opening(old)
    found = rows(old, "SELECT DISTINCT needs_probe, probe_in_flight FROM windows")
    assert found == [(1, 0)]


def test_words_that_have_changed_and_moments_that_went_back_are_put_right(
    old: Path, release: str
) -> None:
    with raw(old) as connection:
        connection.execute("UPDATE windows SET cause = 'faulty' WHERE model = ''")
        connection.execute("UPDATE windows SET cause = 'early' WHERE model <> ''")
        connection.execute("UPDATE calls SET settled_at_ms = 5 WHERE state = 'done'")
    before = records(old)
    opening(old)
    assert records(old) == as_upgraded(release, before)
    words = rows(old, "SELECT DISTINCT park_reason FROM windows ORDER BY 1")
    assert words == [("circuit_open",), ("reset",)]


def test_the_batches_run_to_their_end_after_the_upgrade(
    old: Path, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead runner's jobs are rescued, its calls count, and what was answered stays."""
    monkeypatch.chdir(old.parent)  # images go into a folder there
    before = records(old)

    async def story(world: World) -> None:
        for batch in await everything(world):
            if batch.state is BatchState.LOADING:
                await load_the_rest(world, batch)
        assert await world.run() is StopReason.DONE
        for batch in await everything(world):
            if batch.state is not BatchState.PAUSED:
                await all_is_answered(world, batch)
        assert await world.defects() == []

    simulate(old.parent, story, start=NEXT_DAYS[release], **PROVIDERS[release])
    assert broken_promises(old) == []
    results = {row["job_id"]: row for row in records(old)["results"]}
    kept = as_upgraded(release, before)["results"]
    assert [results[row["job_id"]] for row in before["results"]] == kept
    in_flight = [row["id"] for row in before["calls"] if row["state"] == "reserved"]
    unseen = rows(old, "SELECT id FROM calls WHERE state = 'unseen'")
    assert [call for (call,) in unseen] == in_flight
    assert rows(old, "SELECT count(*) FROM runners WHERE ended_at_ms IS NULL") == [(0,)]


async def everything(world: World) -> list[Batch]:
    async with world.database.read() as connection:
        return await batches.list_batches(connection)


async def load_the_rest(world: World, batch: Batch) -> None:
    texts = [f'{{"text":"halfway {number}"}}' for number in range(batch.rows_loaded, batch.rows)]
    asks = list(map(fingerprint, texts))
    async with world.database.write() as connection:
        await enqueue.enqueue(connection, batch, batch.rows_loaded, texts, asks, world.clock.now())
        await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)


async def all_is_answered(world: World, batch: Batch) -> None:
    found = await world.rows(batch)
    assert len(found) == batch.rows
    answered = [row for row in found if row.state == "succeeded"]
    assert len(answered) + batch.counts.failed == batch.rows
    if "Which letter is {{ text }}?" in batch.job_json:
        assert all(right_answer(row) for row in answered)


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
    old: Path, release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill leaves the file and its log as they are at that moment; here they are copied.

    With next to no cache, the log has the most of what is not committed.
    """
    monkeypatch.setattr(dialect, "_PRAGMAS", (*dialect._PRAGMAS, "cache_size = 1"))
    before, left = dump(old), list[Path]()

    def kill() -> None:
        folder = tmp_path / str(len(left))
        folder.mkdir()
        for file in old.parent.glob("queue.db*"):
            if file.is_file() and not file.name.endswith("-shm"):
                shutil.copy(file, folder)
        left.append(folder / old.name)

    at_each_statement(old, kill)
    assert len(left) > 40
    assert Path(f"{left[-1]}-wal").stat().st_size > 100_000
    after = dump(old)
    for path in left:
        assert dump(path) == before
    for path in left[::10]:
        opening(path)
        assert dump(path) == after
        assert dump(copy_of(path, release)) == before


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.nightly)])
def test_an_error_at_any_statement_leaves_the_old_database(old: Path, step: int) -> None:
    before, number = dump(old), 0
    while fails_at(old, number):
        assert dump(old) == before
        number += step
    assert number > 40
    assert broken_promises(old) == []


def fails_at(path: Path, number: int) -> bool:
    """Whether the upgrade has that many statements, and the disk fails at the next."""
    countdown = iter(range(number))

    def fail() -> None:
        if next(countdown, None) is None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
            raise error

    try:
        at_each_statement(path, fail)
    except StoreError:
        return True
    return False


def test_a_copy_of_an_upgrade_that_came_to_nothing_is_made_anew(old: Path, release: str) -> None:
    """The old program may have gone on meanwhile."""
    copy_of(old, release).write_text("of yesterday")
    before = dump(old)
    opening(old)
    assert dump(copy_of(old, release)) == before


def test_one_is_told_of_the_upgrade_and_where_the_copy_is(old: Path, release: str) -> None:
    told: list[Path] = []

    async def main() -> None:
        for _ in range(2):
            async with open_database(old, on_upgrade=told.append):
                pass

    anyio.run(main)
    assert told == [copy_of(old, release)]


def test_a_runner_of_the_old_version_is_left_to_its_work(old: Path, release: str) -> None:
    """It could not record the answers to the calls it has under way, and they were paid."""
    folder = Path(f"{old}-runners")
    folder.mkdir()
    before = dump(old)
    with FileLock(folder / f"{OLD_RUNNER}.lock", thread_local=False):
        with pytest.raises(BusyError, match=r"older version.*process 4711") as refused:
            opening(old)
        assert "Ctrl-C" in str(refused.value)
    assert dump(old) == before
    assert not copy_of(old, release).exists()
    opening(old)
    assert rows(old, "SELECT version_num FROM alembic_version") == [(migrate.revisions()[-1],)]


@pytest.mark.parametrize(
    "reserving",
    [
        "INSERT INTO calls (batch_id, job_id) VALUES (1, 35)",
        "INSERT INTO calls (batch_id, jobs, held_json) VALUES (1, 1, '{}')",
    ],
    ids=RELEASES,
)
def test_an_old_runner_that_begins_too_late_can_start_no_call(old: Path, reserving: str) -> None:
    """It waited for the upgrade to register; a call must be reserved before it is sent."""
    opening(old)
    late = pytest.raises(sqlite3.OperationalError, match="has no column named")
    with raw(old) as connection, late:
        connection.execute(reserving)
