"""What a command logs, where to, and what becomes of a defect."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from runner.errors import EngineError


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_without_being_asked_it_logs_nothing(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    assert "run started" not in midnight("run", *work).err


def test_v_says_what_happens_and_where_settings_come_from(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(calls_per_day=4)
    said = midnight("run", *work, "--no-wait", "-v")
    assert "db is set by environment MIDNIGHT_DB" in said.err
    assert "spent account=modelscope quota=calls_per_day spent=4 limit=4" in said.err
    assert "run ended ending=spent" in said.err
    assert "call ended" not in said.err


def test_each_call_is_in_the_log_file_with_its_facts(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    said = midnight("run", *work, "-vv", "--log-file", "log", "--log-json")
    assert "call ended" not in said.err, "it goes to the file"
    found = lines("log")
    started = [line for line in found if line["message"] == "call started"]
    ended = [line for line in found if line["message"] == "call ended"]
    assert len(started) == len(ended) == 6
    facts = {"call", "batch", "account", "model", "rows", "verdict", "status", "ms", "tokens"}
    assert facts <= set(ended[0])
    assert (ended[0]["verdict"], ended[0]["status"], ended[0]["batch"]) == ("done", 200, 1)
    assert {"settled", "started", "in_flight"} <= set(
        next(line for line in found if line["message"] == "turn")
    )


def test_the_environment_names_the_log_file_too(
    midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider()
    monkeypatch.setenv("MIDNIGHT_LOG_FILE", "from-environment")
    midnight("run", *work)
    assert "run started" in Path("from-environment").read_text()


@pytest.mark.parametrize("fault", ["none", "bad_answer", "error_500"])
def test_neither_token_nor_row_is_in_a_log(
    midnight: Any, work: Any, provider: Any, fault: str
) -> None:
    provider(faults={} if fault == "none" else {fault: 0.5}, seed=3)
    midnight("run", *work, "-vv", "--log-file", "log")
    text = Path("log").read_text()
    assert "ms-somebody" not in text
    assert "review number" not in text
    assert "call ended" in text


def test_prompts_and_replies_are_logged_when_asked_for(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    midnight("run", *work, "--log-content", "--log-file", "log", "--log-json")
    said = [line for line in lines("log") if line["logger"] == "runner.content"]
    assert len(said) == 6
    assert "Review: review number" in json.dumps(said[0]["prompt"])
    assert said[0]["reply"]
    assert "ms-somebody" not in Path("log").read_text()


def test_a_refused_account_and_a_pause_are_in_the_log(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(tokens=("ms-somebody-else",))
    assert midnight("run", *work, "--log-file", "log").code == 2
    assert "account refused account=modelscope" in Path("log").read_text()
    provider(models=("another",))
    midnight("run", *work, "--log-file", "log")
    text = Path("log").read_text()
    assert "call refused" in text
    assert "batch paused batch=1" in text


def test_a_log_file_that_cannot_be_opened_is_a_users_mistake(midnight: Any) -> None:
    said = midnight("status", "--log-file", "nowhere/log")
    assert said.code == 2
    assert "nowhere/log: the log file cannot be opened" in said.err


def fail(*_: object, **__: object) -> None:
    raise ZeroDivisionError("by 0, with ms-somebody in it")


def test_a_defect_is_told_in_two_lines_and_its_traceback_is_kept(
    midnight: Any, provider: Any, work: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    provider()
    midnight("run", *work)
    monkeypatch.setattr("runner.settings.load_settings", fail)
    said = midnight("status")
    assert said.code == 70
    assert "Traceback" not in said.err
    assert said.err.startswith("midnight: internal error: ZeroDivisionError: by 0")
    assert "\n  try: run it again" in said.err
    [crash] = tmp_path.glob("midnight-runner/**/crash.log")
    assert str(crash) in said.err
    assert "Traceback" in crash.read_text()
    assert "ms-somebody" not in crash.read_text() + said.err
    assert midnight("status", "--json").json["error"]["kind"] == "EngineError"


def test_what_the_system_refuses_is_told_in_two_lines_and_its_traceback_is_kept(
    midnight: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files", "ms-somebody.toml")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("runner.settings.load_settings", refuse)
    said = midnight("status")
    assert (said.code, "Traceback" in said.err) == (2, False)
    assert "the system refuses this (Too many open files)\n  try: check the disk" in said.err
    [crash] = tmp_path.glob("midnight-runner/**/crash.log")
    assert str(crash) in said.err
    assert "Traceback" in crash.read_text()


def test_a_defect_goes_to_the_log_file_where_there_is_one(
    midnight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.settings.load_settings", fail)
    said = midnight("status", "--log-file", "log")
    assert (said.code, "Traceback" in said.err) == (70, False)
    assert "log" in said.err
    assert "ZeroDivisionError" in Path("log").read_text()


def test_vv_shows_the_traceback_of_a_defect(midnight: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.settings.load_settings", fail)
    assert "Traceback" in midnight("-v", "status", "-v").err
    assert "Traceback" not in midnight("-v", "status").err


def test_a_defect_inside_the_engine_is_told_the_same_way(
    midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider()
    monkeypatch.setattr("runner.engine.scheduler.Scheduler.wait", fail)
    said = midnight("run", *work, "--log-file", "log")
    assert said.code == 70
    assert "Traceback" not in said.err
    assert Path("log").read_text().count("ZeroDivisionError: by 0") == 1


def test_defects_of_several_tasks_are_one(
    midnight: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A user's mistake among them is still a user's mistake."""
    from runner.errors import ConfigError  # of this test alone

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    groups = {
        2: ExceptionGroup("", [ConfigError("one"), ExceptionGroup("", [ConfigError("two")])]),
        70: ExceptionGroup("", [ConfigError("one"), ValueError("two")]),
        130: BaseExceptionGroup("", [KeyboardInterrupt(), ValueError("two")]),
    }
    for code, group in groups.items():

        def load(error: BaseException = group, **_: object) -> None:
            raise error

        monkeypatch.setattr("runner.settings.load_settings", load)
        assert midnight("status").code == code
    monkeypatch.setattr("runner.settings.load_settings", lambda **_: raise_engine_error())
    assert midnight("status").code == 70


def raise_engine_error() -> None:
    raise EngineError("it broke")
