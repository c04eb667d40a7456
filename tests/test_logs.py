"""Log records for people and for machines: every fact a field, never a secret."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner import logs
from runner.errors import ConfigError

TOKEN = 'ms-0123"quoted\\back'  # noqa: S105 - of nobody
log = logging.getLogger("runner.tests")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Nothing is configured before or after a test."""
    before = set(logs._secrets)
    logs.reset()
    yield
    logs.reset()
    logs._secrets.clear()
    logs._secrets.update(before)


def written(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def raise_with(text: str) -> None:
    raise ValueError(text)


def test_nothing_is_said_until_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even a warning: Python's last resort would print it bare."""
    logs.configure()
    log.warning("mind this")
    logging.getLogger("asyncio").error("and that")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("verbosity", "said"), [(1, ["warning", "info"]), (2, ["warning", "info", "debug"])]
)
def test_each_v_says_more(
    verbosity: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(verbosity)
    for level in (logging.WARNING, logging.INFO, logging.DEBUG):
        log.log(level, "news")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == said


@pytest.mark.parametrize(("verbosity", "shown"), [(1, False), (2, True)])
def test_a_terminal_sees_a_traceback_only_with_vv(
    capsys: pytest.CaptureFixture[str], verbosity: int, *, shown: bool
) -> None:
    logs.configure(verbosity)
    try:
        raise_with("broken")
    except ValueError:
        log.exception("it is")
    assert ("Traceback" in capsys.readouterr().err) is shown


def test_other_libraries_say_only_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(2)
    logging.getLogger("httpx").info("GET https://example.org")
    logging.getLogger("httpx").warning("odd")
    assert capsys.readouterr().err.count("\n") == 1


def test_a_line_for_people_has_the_fields_behind_the_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(1)
    log.info("call ended\nwell", extra={"call": 7, "model": None, "why": 'it said "no"'})
    assert capsys.readouterr().err.endswith(
        'info    call ended well call=7 why="it said \\"no\\""\n'
    )


def test_a_line_for_machines_is_an_object_with_the_same_fields(tmp_path: Path) -> None:
    logs.configure(0, tmp_path / "log", json=True)
    log.info("call %s", "ended", extra={"call": 7, "model": None, "tokens": 2**70})
    [line] = written(tmp_path / "log")
    assert set(line) == {"at", "level", "logger", "message", "call", "tokens"}
    assert (line["message"], line["call"], line["tokens"]) == ("call ended", 7, 2**70)
    assert (line["level"], line["logger"]) == ("info", "runner.tests")


@pytest.mark.parametrize("as_json", [False, True])
def test_no_secret_is_written_wherever_it_stands(tmp_path: Path, *, as_json: bool) -> None:
    """In the message, in its arguments, in a field or deep in one, in an exception."""
    logs.add_secret(TOKEN)
    logs.configure(2, tmp_path / "log", json=as_json)
    log.info(f"with {TOKEN}")  # noqa: G004 - the point
    log.info("with %s", TOKEN)
    log.info("with", extra={"header": f"Bearer {TOKEN}", "deep": {"in": [TOKEN]}})
    try:
        raise_with(TOKEN)
    except ValueError:
        log.exception("with")
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "0123" not in text
    assert text.count(logs.REDACTED) >= 5


def test_what_is_too_short_for_a_token_is_none() -> None:
    logs.add_secret("x")
    assert logs.redacted("exit") == "exit"


def test_prompts_and_replies_are_logged_only_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a program that uses the library logs everything."""
    logging.getLogger("runner").setLevel(logging.DEBUG)
    assert not logs.CONTENT.isEnabledFor(logging.CRITICAL)
    logs.configure(2, tmp_path / "log")
    logs.CONTENT.debug("a row")
    logs.configure(0, tmp_path / "content", content=True)
    logs.CONTENT.debug("a row")
    assert (tmp_path / "log").read_text() == ""
    assert "a row" in (tmp_path / "content").read_text()
    assert capsys.readouterr().err == ""


def test_a_file_is_appended_to_and_opened_anew_when_it_was_moved_away(tmp_path: Path) -> None:
    file = tmp_path / "log"
    for _ in range(2):
        logs.configure(0, file)
        log.info("again")
    assert file.read_text().count("again") == 2
    assert logs.file_in_use() == file
    file.rename(tmp_path / "log.1")
    log.info("anew")
    assert "anew" in file.read_text()


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="log file cannot be opened"):
        logs.configure(0, tmp_path / "nowhere" / "log")


def test_a_log_that_cannot_be_written_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(1)

    class Full:
        def write(self, _text: str) -> None:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", Full())
        log.warning("mind this")
    if Path("/dev/full").exists():
        logs.configure(0, Path("/dev/full"))
        log.warning("mind this")
    assert capsys.readouterr().err == ""


def test_a_crash_leaves_its_traceback_without_secrets_and_only_the_last(tmp_path: Path) -> None:
    logs.add_secret(TOKEN)
    file = tmp_path / "new" / "crash.log"
    for text in ("first", f"second {TOKEN}"):
        with pytest.raises(ValueError, match=text.split()[0]) as caught:
            raise_with(text)
        assert logs.write_crash(caught.value, file, "midnight-runner 9")
    found = file.read_text(encoding="utf-8")
    assert found.startswith("midnight-runner 9\n\nTraceback")
    assert f"ValueError: second {logs.REDACTED}" in found
    assert "first" not in found
    (tmp_path / "file").write_text("")
    assert not logs.write_crash(ValueError(), tmp_path / "file" / "crash.log", "")
