"""A settlement that could not be stored is told, shown, exported and forgotten."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from runner.cli.app import main

# The database itself refuses one of the answers, as one that does not fit would be.
REFUSAL = """
CREATE TRIGGER refuse BEFORE INSERT ON results WHEN NEW.job_id = 3 AND NEW.answer IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'refused by a test'); END
"""


@pytest.fixture
def unstored(midnight: Any, work: Any, provider: Any, tmp_path: Path) -> Any:
    """The program after a run of which the answer to the third row could not be stored."""
    provider()
    assert midnight("submit", *work).code == 0
    with closing(sqlite3.connect(tmp_path / "midnight.db")) as database:
        database.executescript(REFUSAL)
    said = midnight("run", *work, "-v")
    assert said.code == 1
    assert "settlement set aside" in said.err
    assert "review number" not in said.err
    assert "Traceback" not in said.err
    return midnight


def test_every_other_row_is_stored_and_status_says_what_is_not(unstored: Any) -> None:
    said = unstored("status")
    assert "1 settlement could not be stored: midnight db set-aside" in said.out
    found = unstored("status", "--json").json
    assert (found["set_aside"], found["batches"][0]["succeeded"]) == (1, 5)


def test_it_is_shown_with_why_and_kept(unstored: Any) -> None:
    for _ in range(2):
        said = unstored("db", "set-aside")
        assert said.code == 0
        assert "refused by a test" in said.out
        assert "midnight db set-aside -o FILE" in said.out
    [one] = unstored("db", "set-aside", "--json").json["settlements"]
    assert set(one) == {"call", "batch", "at", "error", "settlement"}
    assert one["settlement"]["content"]


def test_it_is_exported_whole_and_then_forgotten(unstored: Any) -> None:
    said = unstored("db", "set-aside", "-o", "aside.jsonl", "--forget")
    assert "written to aside.jsonl\nthey were deleted from the database" in said.out
    [line] = Path("aside.jsonl").read_text().splitlines()
    assert json.loads(line)["settlement"]["verdict"] == "done"
    assert "every settlement was stored" in unstored("db", "set-aside").out
    assert "could not be stored" not in unstored("status").out


def test_a_file_that_is_there_is_not_replaced_and_nothing_is_forgotten(unstored: Any) -> None:
    Path("aside.jsonl").write_text("mine")
    said = unstored("db", "set-aside", "-o", "aside.jsonl", "--forget")
    assert (said.code, "this file exists" in said.err) == (2, True)
    assert unstored("db", "set-aside", "-o", "nowhere/aside.jsonl", "--forget").code == 2
    assert unstored("status", "--json").json["set_aside"] == 1


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_is_forgotten_that_could_not_be_shown(
    unstored: Any, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    class Closed(io.StringIO):
        """A pipe whose reader is gone, which shows once what was written is flushed."""

        def flush(self) -> None:
            raise BrokenPipeError

    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", Closed())
        with suppress(BrokenPipeError):
            main(["db", "set-aside", "--forget", *options])
    assert unstored("status", "--json").json["set_aside"] == 1
    assert "refused by a test" in unstored("db", "set-aside", "--forget", *options).out
    assert unstored("status", "--json").json["set_aside"] == 0


def test_where_there_is_none_nothing_is_written(midnight: Any) -> None:
    said = midnight("db", "set-aside", "-o", "aside.jsonl")
    assert "every settlement was stored" in said.out
    assert not Path("aside.jsonl").exists()
    assert midnight("db", "set-aside", "--json").json["settlements"] == []
