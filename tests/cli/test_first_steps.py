"""What a newcomer reads on the screen names the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BAD = {"bad_answer": 1.0}


def test_a_dataset_in_the_place_of_a_job_file_is_told_with_the_command_that_writes_one(
    midnight: Any, work: Any
) -> None:
    said = midnight("run", str(work[1]))
    assert said.code == 2
    assert "not a job file" in said.err
    assert f"midnight init {work[1]}" in said.err


def test_a_job_file_alone_is_told_with_what_is_missing(midnight: Any, work: Any) -> None:
    said = midnight("run", str(work[0]))
    assert (said.code, f"midnight run {work[0]} INPUT.csv" in said.err) == (2, True)


def test_a_trial_names_the_command_for_all_rows(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    said = midnight("try", *work, "-n", "1")
    assert said.code == 0
    assert f"all rows: midnight run {work[0]} {work[1]} -o OUT" in said.out


def test_a_trial_without_a_connection_shows_one_call_and_the_cause(
    midnight: Any, work: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MIDNIGHT_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("MODELSCOPE_API_KEY", "anything")
    said = midnight("try", *work, "-n", "3")
    assert said.code == 3
    assert said.out.count("call ") == 1
    assert "cannot be reached" in said.out
    assert "3 rows left" in said.out


def test_failures_name_the_whole_command_for_an_edited_job_file(
    midnight: Any, work: Any, provider: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    provider(faults=BAD)
    monkeypatch.chdir(tmp_path)
    job = Path(work[0])
    job.write_text(job.read_text() + '\n[answer]\nkind = "label"\nlabels = ["a", "b"]\n')
    midnight("run", *work, "--limit", "2", "--no-wait")
    said = midnight("failures", "1")
    assert "with an edited job file: midnight run " in said.out
    assert "--limit 2 --retry-failed" in said.out


def test_a_token_that_is_missing_is_told_with_the_variable_and_the_page(
    midnight: Any, work: Any, monkeypatch: Any
) -> None:
    monkeypatch.delenv("MODELSCOPE_API_KEY", raising=False)
    monkeypatch.delenv("MIDNIGHT_BASE_URL", raising=False)
    said = midnight("run", *work)
    assert said.code == 2
    assert "export MODELSCOPE_API_KEY=" in said.err
    assert "https://modelscope.cn/my/myaccesstoken" in said.err
