"""The file that a batch remembers: refreshed by whatever changes its results, and never lost."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest


def states(path: str = "out.csv") -> list[str]:
    with Path(path).open(newline="") as file:
        return [row["state"] for row in csv.DictReader(file)]


def test_a_plain_run_writes_the_output_that_was_named_when_it_was_queued(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    said = midnight("submit", *work, "-o", "out.csv")
    assert said.code == 0
    assert not Path("out.csv").exists()
    said = midnight("run")
    assert "out.csv (6 rows: 6 succeeded)" in said.out
    assert states() == ["succeeded"] * 6
    assert "data.csv → out.csv" in midnight("status").out


def test_every_run_that_changes_a_batch_refreshes_its_output(
    midnight: Any, work: Any, provider: Any
) -> None:
    Path("job.toml").write_text(Path("job.toml").read_text() + "\n[limits]\nmax_attempts = 1\n")
    provider(faults={"error_500": 1})
    midnight("run", *work, "-o", "out.csv")
    assert states() == ["failed"] * 6
    midnight("retry", 1)
    assert states() == ["queued"] * 6
    provider(calls_per_day=2)
    midnight("run", "--no-wait")
    assert sorted(states()) == ["queued"] * 4 + ["succeeded"] * 2


def test_a_file_with_more_answers_is_kept_under_another_name(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    midnight("run", *work, "-o", "out.csv")
    said = midnight("run", *work, "--limit", 2, "-o", "out.csv")
    assert "out.csv had more answers than this batch: it is kept as out.batch-1.csv" in said.err
    assert (len(states()), len(states("out.batch-1.csv"))) == (2, 6)
    said = midnight("run", *work, "-o", "out.csv")
    assert "kept" not in said.err
    assert len(states()) == 6


def test_a_file_of_the_batch_that_is_replaced_is_kept_until_the_new_one_has_as_many(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    midnight("run", *work, "-o", "out.csv")
    said = midnight("run", *work, "--fresh", "-o", "out.csv")
    assert "resembles batch 1: all is asked afresh; no answer is kept, 6 calls" in said.err
    assert (len(states()), len(states("out.batch-1.csv"))) == (6, 6)


def test_a_file_of_another_database_is_kept_too(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    midnight("run", *work, "-o", "out.csv")
    said = midnight("--db", "other.db", "run", *work, "--limit", 1, "-o", "out.csv")
    assert "it is kept as out.previous.csv" in said.err
    assert len(states("out.previous.csv")) == 6


@pytest.mark.parametrize(
    ("table", "name"), [("", "midnight_state"), ('[output]\nstate = "end"\n', "end")]
)
def test_a_fuller_file_is_known_whatever_its_column_of_states_is_called(
    midnight: Any, work: Any, provider: Any, table: str, name: str
) -> None:
    provider()
    jobfile, data = work
    Path(data).write_text("text,state\n" + "".join(f"text {n},open\n" for n in range(6)))
    Path("named.toml").write_text(Path(jobfile).read_text() + table)
    midnight("run", "named.toml", data, "-o", "out.csv")
    assert f"{name}," in Path("out.csv").read_text()
    said = midnight("--db", "other.db", "run", jobfile, data, "--limit", 1, "-o", "out.csv")
    assert "it is kept as out.previous.csv" in said.err


def test_an_output_that_cannot_be_written_is_told_and_ends_no_other(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    Path("gone").mkdir()
    midnight("submit", *work, "-o", "gone/out.csv")
    midnight("submit", *work, "--limit", 2, "-o", "two.csv")
    Path("gone").rmdir()
    said = midnight("run")
    assert said.code == 2, said
    assert "gone/out.csv could not be written: there is no folder" in said.out
    assert "midnight: gone/out.csv: there is no folder" in said.err.replace(
        str(Path.cwd()) + "/", ""
    )
    assert len(states("two.csv")) == 2


def test_an_output_that_cannot_be_written_is_one_json_document(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    Path("gone").mkdir()
    midnight("submit", *work, "-o", "gone/out.csv")
    Path("gone").rmdir()
    said = midnight("--json", "run")
    assert said.code == 2
    assert "there is no folder" in said.json["outputs"][0]["error"]


def test_details_have_the_reply_of_every_row(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    midnight("run", *work)
    midnight("export", 1, "-o", "out.csv", "--details")
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["reply"] == row["answer"] != "" for row in rows)
