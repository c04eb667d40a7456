"""Every command on a database of its own: what it says, to people and to machines."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from runner import __version__
from tests.store.releases import make_release


@pytest.fixture
def queued(midnight: Any, work: tuple[str, str]) -> Any:
    """The program with one batch of six rows in its queue."""
    assert midnight("submit", *work).code == 0
    return midnight


def test_without_a_command_the_help_is_shown(midnight: Any) -> None:
    said = midnight()
    assert said.code == 0
    assert "rehearse" in said.out


def test_the_version(midnight: Any) -> None:
    assert midnight("--version").out == f"midnight-runner {__version__}\n"
    assert midnight("--version", "--json").json["version"] == __version__


def test_a_report_is_csv_or_json(midnight: Any) -> None:
    said = midnight("report", "--csv", "--json")
    assert said.code == 2
    assert "exclude each other" in said.json["error"]["what"]


def test_a_providers_table_that_no_account_uses_is_told(midnight: Any, tmp_path: Path) -> None:
    (tmp_path / "midnight.toml").write_text(
        "[providers.modelscop]\nstart_concurrency = 4\n[providers.groq]\nstart_concurrency = 1\n"
    )
    checks = {check["name"]: check for check in midnight("doctor", "--json").json}
    assert checks["provider modelscop"]["ok"] is None
    assert checks["provider modelscop"]["detail"] == "described, but no account uses it"
    assert 'did you mean "modelscope"?' in checks["provider modelscop"]["remedy"]
    assert checks["provider groq"]["remedy"] == 'name it in an account: provider = "groq"'
    said = midnight("status", "-v").err
    assert "provider modelscop: described, but no account uses it" in said


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "submit",
        "plan",
        "rehearse",
        "status",
        "watch",
        "quota",
        "report",
        "export",
        "failures",
        "retry",
        "show",
        "diff",
        "pause",
        "resume",
        "cancel",
        "rename",
        "delete",
        "doctor",
        "models",
        "presets",
        "init",
        "simulate",
        "db",
    ],
)
def test_every_command_has_a_sentence_and_an_example(midnight: Any, command: str) -> None:
    said = midnight(command, "--help")
    assert said.code == 0
    assert said.out.splitlines()[2].startswith("  ")
    assert "Example" in said.out or command in ("db", "presets")


def test_global_options_stand_before_or_after_the_command(midnight: Any, tmp_path: Path) -> None:
    for words in (["--json", "--db", "a.db", "db", "path"], ["db", "path", "--db=a.db", "--json"]):
        assert midnight(*words).json["path"] == str(tmp_path / "a.db")


def test_what_an_option_is_set_to_is_no_command(midnight: Any) -> None:
    """Though it is called like one."""
    assert midnight("--db", "run", "db", "path", "--json").json["path"].endswith("/run")
    assert "no such command" in midnight("statsu").err.lower()
    assert "needs a value" in midnight("status", "--db").err


def test_an_empty_queue_says_how_to_begin(midnight: Any) -> None:
    said = midnight("status")
    assert said.code == 0
    assert "midnight init" in said.out
    assert "midnight submit" in midnight("run").err + midnight("report").out + "midnight submit"


def test_plan_spends_nothing(midnight: Any, work: Any) -> None:
    assert "distinct requests  6" in midnight("plan", *work).out
    found = midnight("plan", *work, "--json").json
    assert (found["rows"], found["distinct_requests"], found["calls"], found["days"]) == (
        6,
        6,
        6,
        1,
    )
    assert datetime.fromisoformat(found["finish_at"]).tzinfo is not None
    assert midnight("status", "--json").json["batches"] == []


def test_submit_queues_once(midnight: Any, work: Any) -> None:
    first, second = (midnight("submit", *work, "--json").json for _ in range(2))
    assert (first["created"], second["created"]) == (True, False)
    assert first["batch"]["id"] == second["batch"]["id"]
    assert first["forecast"]["calls"] == 6
    assert "queued before as batch 1" in midnight("submit", *work).out


def test_status_says_that_nobody_works(queued: Any) -> None:
    assert "nobody is working on it; start with: midnight run" in queued("status").out
    assert "0 of 6" in queued("status", "label reviews").out
    found = queued("status", "--json").json
    assert (found["runners"], found["batches"][0]["left"]) == (0, 6)
    assert datetime.fromisoformat(found["at"]).tzinfo is not None


def test_quota_shows_the_account(queued: Any) -> None:
    assert "modelscope" in queued("quota").out
    line = queued("quota", "--json").json[0]
    assert line["account"] == "modelscope"
    assert {"limit", "spent", "reserved", "left", "source", "resets_at", "resets_in_s"} <= set(line)


def test_a_batch_is_paused_resumed_and_cancelled(queued: Any) -> None:
    assert "paused" in queued("pause", 1).out
    assert "paused" in queued("status").out
    assert queued("resume", 1, "--json").json["batch"]["state"] == "active"
    assert "midnight resume 1" in queued("cancel", "label reviews").out
    assert queued("cancel", 1, "--json").json["changed"] is False
    assert "no row has failed" in queued("retry", 1).out


def test_an_unfinished_batch_is_exported_with_marks(queued: Any, tmp_path: Path) -> None:
    said = queued("export", 1, "-o", "out.csv")
    assert "6 without a result yet" in said.out
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["state"] for row in rows] == ["queued"] * 6
    assert queued("export", 1, "-o", "out.jsonl", "--json").json["rows"] == 6


def test_failures_of_a_batch_without_any(queued: Any) -> None:
    assert "no row of label reviews" in queued("failures", 1).out
    assert queued("failures", 1, "--json").json == []


def test_init_copies_once_and_never_replaces(midnight: Any, tmp_path: Path) -> None:
    assert midnight("init").code == 0
    assert (tmp_path / "label_reviews.toml").exists()
    again = midnight("init")
    assert again.code == 2
    assert "here already" in again.err
    assert midnight("init", "summarise-text", "--json").json["copied"][0] == "summarise_text.toml"
    assert "label_reviews" in midnight("init", "--list").out
    assert {"name", "does", "files"} == set(midnight("init", "--list", "--json").json[0])


def test_the_database_is_found_checked_and_copied(queued: Any, tmp_path: Path) -> None:
    assert queued("db", "path").out == f"{tmp_path / 'midnight.db'}\n"
    assert "no defects found in" in queued("db", "check").out
    assert queued("db", "check", "--json").json["ok"] is True
    assert queued("db", "backup", "copy.db").code == 0
    assert queued("status", "--db", "copy.db", "--json").json["batches"][0]["rows"] == 6


def test_doctor_finds_a_missing_token(midnight: Any) -> None:
    said = midnight("doctor")
    assert said.code == 1
    assert "✗  token of modelscope" in said.out
    assert "try: " in said.out
    checks = {check["name"]: check["ok"] for check in midnight("doctor", "--json").json}
    assert (checks["database"], checks["token of modelscope"]) == (True, False)


def test_doctor_is_content_with_a_provider_that_answers(midnight: Any, provider: Any) -> None:
    provider()
    said = midnight("doctor")
    assert (said.code, "all is well" in said.out) == (0, True)


def test_doctor_shows_what_models_have_refused(
    midnight: Any, provider: Any, tmp_path: Path
) -> None:
    provider()
    midnight("status")
    with closing(sqlite3.connect(tmp_path / "midnight.db", isolation_level=None)) as database:
        row = ("modelscope", "Qwen/Qwen3-8B", "json_schema", 4_102_444_800_000)
        database.execute("INSERT INTO refused_formats VALUES (?, ?, ?, ?)", row)
    checks = {check["name"]: check["detail"] for check in midnight("doctor", "--json").json}
    told = checks["format of Qwen/Qwen3-8B on modelscope"]
    assert "refuses json_schema since 2100-01-01" in told
    assert "tried again from 2100-01-15 on" in told


def test_models_are_listed_for_each_account(midnight: Any, provider: Any) -> None:
    provider()
    assert "  Qwen/Qwen3-8B" in midnight("models").out
    (found,) = midnight("models", "--json").json
    assert (found["account"], found["why_not"]) == ("modelscope", None)
    assert "Qwen/Qwen3-32B" in found["models"]


def test_status_says_why_down_to_the_window(midnight: Any, work: Any, provider: Any) -> None:
    provider(calls_per_day=4)
    assert midnight("run", *work, "--no-wait").code == 3
    said = midnight("status", "--why").out
    assert "Qwen/Qwen3-8B on modelscope: 4 of 4 calls spent today of modelscope" in said
    assert "learned from the reply header at" in said
    assert "then one probe" in said
    (batch,) = midnight("status", "--json").json["batches"]
    (route,) = batch["routes"]
    assert (route["model"], route["waits_for"]["quota"]) == ("Qwen/Qwen3-8B", "calls_per_day")


def test_rehearse_shows_each_day_and_what_it_cost(midnight: Any, work: Any, tmp_path: Path) -> None:
    line = ("rehearse", *work, "--calls-per-day", 2, "-o", "out.csv", "--start", "2026-11-24T08:00")
    said = midnight(*line)
    assert said.code == 0, said
    assert "no token, no network" in said.out
    assert "3 days of allowance" in said.out
    assert "Tue 24 Nov" in said.out
    assert "TOTAL" in said.out
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 7
    found = midnight(*line, "--json").json
    assert [day["calls"] for day in found["days"]] == [2, 2, 2]
    assert (found["succeeded"], found["provider"]["calls"]) == (6, 6)


def test_a_rehearsal_with_bad_answers_still_ends(midnight: Any, work: Any) -> None:
    said = midnight("rehearse", *work, "--fault", "error_500=1", "--no-headers", "--seed", 3)
    assert said.code == 1
    assert "6 failed" in said.out


def test_report_adds_up(midnight: Any, work: Any, provider: Any) -> None:
    provider(calls_per_day=50)
    assert "no call was made yet" in midnight("report").out
    assert midnight("run", *work).code == 0
    (day,) = midnight("report", "--json").json["days"]
    assert (day["calls"], day["answered"], day["rows"]) == (6, 6, 6)
    assert day["share_of_allowance"] == 0.12
    assert "TOTAL" in midnight("report", "label reviews").out
    assert "Qwen/Qwen3-8B" in midnight("report", "--by", "day,model").out
    (line,) = csv.DictReader(io.StringIO(midnight("report", "--csv").out))
    assert (line["calls"], line["tokens"]) == ("6", str(day["tokens"]))


@pytest.mark.parametrize(
    "words", ["status", "quota", "report", "db check", "db backup copy.db", "failures 1", "pause 1"]
)
def test_a_mistyped_database_is_told_and_not_made(
    midnight: Any, tmp_path: Path, words: str
) -> None:
    said = midnight("--db", "typo.db", *words.split())
    assert said.code == 2
    assert "names a database that is not there" in said.err
    assert not (tmp_path / "typo.db").exists()


def test_hints_name_the_database_that_was_meant(midnight: Any, work: Any) -> None:
    assert midnight("--db", "mine.db", "submit", *work).code == 0
    assert "midnight --db mine.db run" in midnight("--db", "mine.db", "status").out


def test_a_retried_row_is_done_once(midnight: Any, tmp_path: Path, provider: Any) -> None:
    """The call that had brought the failure has brought nothing to an end, after all."""
    (tmp_path / "job.toml").write_text(
        '[job]\nname = "labels"\nmodel = "Qwen/Qwen3-8B"\n[prompt]\nuser = "{{ text }}"\n'
        '[answer]\nkind = "label"\nlabels = ["a", "b"]\nmax_asks = 1\n'
    )
    rows = "".join(f"row {number}\n" for number in range(12))
    (tmp_path / "data.csv").write_text("text\n" + rows)
    provider(faults={"bad_answer": 0.5})
    assert midnight("run", "job.toml", "data.csv").code == 1
    provider()
    assert midnight("retry", 1).code == 0
    assert midnight("run").code == 0
    assert sum(day["rows"] for day in midnight("report", "--json").json["days"]) == 12


def test_a_rehearsal_that_would_never_end_says_so(midnight: Any, work: Any) -> None:
    said = midnight("rehearse", *work, "--calls-per-day", 0)
    assert said.code == 3
    assert "It would never end: no row was done for two weeks" in said.out


def test_a_plan_knows_how_many_calls_are_allowed(midnight: Any, tmp_path: Path, work: Any) -> None:
    job, data = work
    text = (tmp_path / job).read_text()
    (tmp_path / job).write_text(f"{text}[limits]\nmax_calls = 2\n")
    assert "not known: 4 calls beyond what is allowed" in midnight("plan", job, data).out
    plan = midnight("plan", job, data, "--json").json
    assert (plan["finish_at"], plan["forecast"]["calls_beyond"]) == (None, 4)


@pytest.mark.parametrize(("check", "calls"), [("1.0", 8), ("0.5", 5)])
def test_a_plan_counts_the_rows_that_are_asked_alone_as_a_check(
    midnight: Any, tmp_path: Path, work: Any, check: str, calls: int
) -> None:
    """Even where that is each of the six."""
    job, data = work
    text = (tmp_path / job).read_text()
    (tmp_path / job).write_text(text.replace("[job]", f"[job]\npack = 3\ncheck = {check}"))
    plan = midnight("plan", job, data, "--json").json
    assert (plan["calls"], plan["calls_if_alone"]) == (calls, 6)


def test_no_part_of_a_batch_without_calls_left_is_said_to_finish(
    midnight: Any, tmp_path: Path, work: Any, provider: Any
) -> None:
    """The bound is the whole batch's, so what binds it binds its votes."""
    provider()
    job, data = work
    text = (tmp_path / job).read_text().replace("[job]", "[job]\nvotes = 2")
    (tmp_path / job).write_text(f"{text}[limits]\nmax_calls = 4\n")
    assert midnight("run", job, data).code == 3
    batches = midnight("status", "--json").json["batches"]
    assert [batch["forecast"]["finish_at"] for batch in batches] == [None, None]
    assert sum(batch["forecast"]["calls_beyond"] for batch in batches) == 8


def test_one_is_told_that_a_database_is_upgraded(midnight: Any, tmp_path: Path) -> None:
    (tmp_path / "midnight.db").unlink()
    make_release(tmp_path / "midnight.db", "0001")
    said = midnight("status", "--json")
    assert len(said.json["batches"]) == 2
    assert str(tmp_path / "midnight.db.revision-0001.bak") in said.err
    assert midnight("status", "--json").err == ""


def test_a_backup_into_no_folder_names_the_folder(midnight: Any, work: Any, tmp_path: Path) -> None:
    assert midnight("submit", *work).code == 0
    assert "there is no such folder" in midnight("db", "backup", "nowhere/b.db").err
    assert "this is a folder" in midnight("db", "backup", tmp_path).err


def test_calls_that_may_not_be_made_are_named_when_a_run_ends(
    midnight: Any, work: Any, tmp_path: Path, provider: Any
) -> None:
    provider()
    job, data = work
    text = (tmp_path / job).read_text()
    (tmp_path / job).write_text(f"{text}[limits]\nmax_calls = 2\n")
    said = midnight("run", job, data)
    assert said.code == 3
    assert "as many calls as [limits] max_calls of its job file allows; 4 rows left" in said.out
