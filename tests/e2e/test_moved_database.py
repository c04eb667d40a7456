"""The database moved, deleted or replaced under a run: noticed, nothing paid for is lost."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.files import JOB
from support.processes import Simulator, run, simulating, start
from support.waiting import PATIENCE_S

from tests.store.promises import broken_promises
from tests.store.releases import rows

ROWS = 600
WORDS = ("run", "job.toml", "in.csv", "-o", "out.csv", "--pace", "asap", "--no-wait")
GONE = "the database was moved, deleted or replaced while it was in use"


def delete(folder: Path) -> None:
    (folder / "queue.db").unlink()


def delete_all(folder: Path) -> None:
    for path in folder.glob("queue.db*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def move(folder: Path) -> None:
    (folder / "queue.db").rename(folder / "elsewhere.db")


def move_its_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def replace(folder: Path) -> None:
    (folder / "other.db").write_bytes(b"")
    (folder / "other.db").replace(folder / "queue.db")


def empty(folder: Path) -> None:
    os.truncate(folder / "queue.db", 0)


def delete_wal(folder: Path) -> None:
    (folder / "queue.db-wal").unlink()


def delete_shm(folder: Path) -> None:
    (folder / "queue.db-shm").unlink()


def delete_locks(folder: Path) -> None:
    shutil.rmtree(folder / "queue.db-runners")


def prepare(folder: Path) -> None:
    (folder / "job.toml").write_text(JOB)
    (folder / "in.csv").write_text("text\n" + "".join(f"row {n}\n" for n in range(ROWS)))


def await_calls(simulator: Simulator, number: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while simulator.seen.answered < number:
        assert time.monotonic() < deadline
        time.sleep(0.05)  # another process has to get on


@pytest.mark.parametrize(
    "harm",
    [delete, delete_all, move, move_its_folder, replace, delete_wal, delete_shm, delete_locks],
)
def test_a_run_whose_files_are_taken_away_stops_and_keeps_all_that_was_paid_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("MIDNIGHT_MAX_CONCURRENCY", "8")
    folder = tmp_path / "here"
    folder.mkdir()
    prepare(folder)
    with simulating(latency_ms=(50, 100)) as simulator:
        process = start(folder, simulator.address, "--db", str(folder / "queue.db"), *WORDS)
        await_calls(simulator, 40)
        harm(folder)
        said = process.communicate(timeout=PATIENCE_S)[1].decode()
        seen = simulator.seen
    assert process.returncode == 2, said
    assert seen.calls < ROWS
    assert (said.count("\nmidnight: "), "Traceback" in said) == (1, False), said
    assert "moved, deleted or replaced" in said
    kept = folder / "queue.db.kept"
    assert str(kept) in said
    assert rows(kept, "SELECT count(*) FROM results") == [(seen.answered,)]
    assert broken_promises(kept) == []


def test_a_run_goes_on_with_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDNIGHT_MAX_CONCURRENCY", "8")
    prepare(tmp_path)
    with simulating(latency_ms=(50, 100)) as simulator:
        process = start(tmp_path, simulator.address, *WORDS)
        await_calls(simulator, 40)
        delete_all(tmp_path)
        assert process.communicate(timeout=PATIENCE_S)[1]
        run(tmp_path, simulator.address, "--db", "queue.db.kept", *WORDS)
        assert simulator.seen.answered == ROWS, "no row is paid for twice"
    assert len((tmp_path / "out.csv").read_text().splitlines()) == ROWS + 1


def test_a_database_that_is_emptied_under_a_run_ends_it_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIDNIGHT_MAX_CONCURRENCY", "8")
    prepare(tmp_path)
    with simulating(latency_ms=(50, 100)) as simulator:
        process = start(tmp_path, simulator.address, *WORDS)
        await_calls(simulator, 40)
        empty(tmp_path)
        said = process.communicate(timeout=PATIENCE_S)[1].decode()
        assert simulator.seen.calls < ROWS
    assert (process.returncode, "Traceback" in said) == (2, False), said
    assert GONE in said


@pytest.mark.parametrize("symbolic", [True, False], ids=["symbolic", "hard"])
def test_two_runners_that_use_two_names_of_one_database_pay_for_no_row_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, symbolic: bool
) -> None:
    """A second hard link is refused: SQLite itself would not see what is written by the other."""
    monkeypatch.setenv("MIDNIGHT_MAX_CONCURRENCY", "4")
    prepare(tmp_path)
    with simulating(latency_ms=(50, 100)) as simulator:
        one = start(tmp_path, simulator.address, *WORDS)
        await_calls(simulator, 40)
        link = tmp_path / "link.db"
        link.symlink_to("queue.db") if symbolic else link.hardlink_to(tmp_path / "queue.db")
        two = start(tmp_path, simulator.address, "--db", "link.db", *WORDS)
        said = [process.communicate(timeout=PATIENCE_S)[1].decode() for process in (one, two)]
        assert [one.returncode, two.returncode] == [0, 0 if symbolic else 2], "\n".join(said)
        assert ("hard link" in said[1]) is not symbolic
        assert simulator.seen.answered == ROWS
    assert broken_promises(tmp_path / "queue.db") == []
