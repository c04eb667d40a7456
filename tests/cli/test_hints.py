"""Commands that the program names: each works when it is pasted, whichever database was meant."""

from __future__ import annotations

import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runner import invocation
from runner.cli.render.layout import Hint

OPTIONS = ("--db", "a place/own.db", "--config", "own.toml")
# What is named by words in capitals is for the reader to fill in.
FILLED = {"BATCH": "1", "JOBFILE": "job.toml", "INPUT": "data.csv", "OUT": "out.csv"}
_HINT = re.compile(r"\bmidnight (--.*?)(?=[;,)]|: |$)", re.MULTILINE)


@pytest.fixture
def elsewhere(midnight: Any, tmp_path: Path) -> Any:
    """The program with a database and a configuration of its own, on the command line alone."""
    (tmp_path / "a place").mkdir()
    Path("own.toml").write_text('[run]\npace = "asap"\n')

    def call(*words: object) -> Any:
        return midnight(*OPTIONS, *words)

    return call


def hinted(said: Any) -> list[list[str]]:
    """The command lines that were named on either stream, as words."""
    assert not re.search(r"\bmidnight (?:run|resume|retry|status|failures|export)\b", said.out)
    found = [shlex.split(line) for line in _HINT.findall(said.out + "\n" + said.err)]
    return [[FILLED.get(word, word) for word in words] for words in found]


def check(said: Any, midnight: Any, *expected: str) -> None:
    """Each command that was named has the options, and works; these are among them."""
    found = hinted(said)
    assert found, said
    for words in found:
        assert tuple(words[:4]) == OPTIONS, words
        more = ["--help"] if words[4] in ("init", "review", "serve") else []
        assert midnight(*words, *more).code in (0, 1, 3), words
    assert {words[4] for words in found} >= set(expected), said


def test_before_anything_is_queued(elsewhere: Any, midnight: Any, work: Any, provider: Any) -> None:
    provider()
    elsewhere("submit", *work)
    elsewhere("delete", 1)
    check(elsewhere("status"), midnight, "init", "run")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("report",), "run"),
        (("run", "--no-wait"), "submit"),
        (("run", "--fresh"), "retry"),
        (("run", "-o", "out.csv"), "export"),
        (("run", "job.toml", "data.csv", "--forever"), "submit"),
        (("failures", "7"), "submit"),
    ],
)
def test_what_to_type_instead(
    elsewhere: Any, midnight: Any, work: Any, provider: Any, words: Any, named: str
) -> None:
    provider()
    elsewhere("submit", *work)
    if named == "submit":
        elsewhere("delete", 1)
    said = elsewhere(*words)
    elsewhere("submit", *work)
    check(said, midnight, named)


def test_of_a_batch_that_a_person_has_paused(
    elsewhere: Any, midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    elsewhere("submit", *work)
    for words in (("pause", 1), ("status",), ("run", "--no-wait")):
        said = elsewhere(*words)
        elsewhere("pause", 1)
        assert "resume" in said.out
        check(said, midnight, "resume")
        elsewhere("pause", 1)


def test_of_a_batch_with_failures(elsewhere: Any, midnight: Any, work: Any, provider: Any) -> None:
    Path("job.toml").write_text(
        Path("job.toml").read_text()
        + "\n[answer]\nkind = 'label'\nlabels = ['a', 'b']\nmax_asks = 1\n"
    )
    provider(faults={"bad_answer": 1})
    check(elsewhere("run", *work), midnight, "failures")
    check(elsewhere("failures", 1), midnight, "retry")
    check(elsewhere("retry", 1, "--cause", 9), midnight, "failures")


def test_of_what_was_rehearsed_and_planned(
    elsewhere: Any, midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    said = elsewhere("rehearse", *work)
    assert "for real: midnight --db 'a place/own.db' --config own.toml run " in said.out
    check(said, midnight, "run")


def test_a_file_alone_is_no_job(elsewhere: Any) -> None:
    Path("job.toml").touch()
    said = elsewhere("run", "job.toml")
    assert "midnight --db 'a place/own.db' --config own.toml run job.toml INPUT.csv" in said.err


def test_no_command_is_named_without_the_options_that_it_needs() -> None:
    """No message spells a command that opens a database; `invocation.command` does."""
    spelt = re.compile(
        r'_\(\s*(?:"[^"]*"\s*)*"[^"]*midnight (?:run|resume|retry|failures|export|submit|cancel|'
        r"review|show|status|db|serve|report|pause|watch|delete|plan|try|quota|doctor)\b(?! tells)"
    )
    for path in Path(__file__).parents[2].glob("runner/**/*.py"):
        for found in spelt.findall(path.read_text()):
            assert "Show the batches" in found or "global options" in found, (path, found)


@pytest.mark.parametrize("width", [30, 80, 200])
def test_a_command_is_never_broken_over_lines(width: int) -> None:
    command = "midnight --db '/a long path/with spaces/and; more.db' resume 1"
    out = StringIO()
    shown = Hint(
        f"it is paused, since many rows fail; go on with: {command}; then wait", "", "  x "
    )
    Console(file=out, width=width).print(shown, crop=False)
    assert command in out.getvalue()
    others = [line for line in out.getvalue().splitlines() if command not in line]
    assert all(len(line) <= width for line in others)


def test_the_options_of_a_command_are_forgotten_at_its_end(elsewhere: Any) -> None:
    elsewhere("status")
    assert invocation.command("resume", 1) == "midnight resume 1"
