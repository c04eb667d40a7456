"""Datasets as a command line names them: standard input, patterns, a part of the rows."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_the_same_standard_input_is_the_same_batch(
    midnight: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Path(work[1]).read_bytes()
    pipe(monkeypatch, content)
    first = midnight("submit", work[0], "-", "--json").json
    pipe(monkeypatch, content)
    again = midnight("submit", work[0], "-", "--json").json
    assert (first["created"], again["created"]) == (True, False)
    assert first["batch"]["id"] == again["batch"]["id"]


def test_standard_input_without_a_row_is_told(
    midnight: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, b"")
    said = midnight("run", work[0], "-")
    assert (said.code, "standard input is empty" in said.err) == (2, True)


def test_files_and_patterns_are_one_batch(midnight: Any, work: Any) -> None:
    for name in ("2.csv", "1.csv"):
        Path(name).write_bytes(Path(work[1]).read_bytes())
    named = midnight("submit", work[0], "2.csv", "1.csv", "--json").json
    matched = midnight("submit", work[0], "[0-9].csv", "--json").json
    assert named["batch"]["rows"] == 12
    assert matched["batch"]["id"] == named["batch"]["id"]


def test_a_part_of_the_rows_is_a_batch_of_its_own_and_asked_for_again_in_the_same_words(
    midnight: Any, work: Any
) -> None:
    part = ("--where", "id >= 2", "--sample", "3", "--limit", "2")
    said = midnight("plan", *work, *part)
    again = "midnight rehearse job.toml data.csv --where 'id >= 2' --sample 3 --limit 2"
    assert again in said.out
    assert midnight("submit", *work, *part, "--json").json["batch"]["rows"] == 2
    assert midnight("submit", *work, "--json").json["batch"]["id"] == 2


def test_an_odd_suffix_needs_a_format(midnight: Any, work: Any) -> None:
    Path("data.txt").write_bytes(Path(work[1]).read_bytes())
    assert "--format" in midnight("plan", work[0], "data.txt").err
    assert midnight("plan", work[0], "data.txt", "--format", "csv").code == 0


def test_a_rehearsal_takes_a_part_of_the_rows(midnight: Any, work: Any) -> None:
    said = midnight("rehearse", *work, "--limit", "2", "-o", "out.csv.gz", "--json")
    assert said.json["output"] == {"path": "out.csv.gz", "rows": 2}


def test_more_rows_than_a_sheet_holds_are_told_before_anything_is_queued(
    midnight: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.files.target.EXCEL_ROWS", 6)
    said = midnight("run", *work, "-o", "out.xlsx")
    assert (said.code, "a sheet holds 6 rows" in said.err) == (2, True)
    assert midnight("status", "--json").json["batches"] == []
