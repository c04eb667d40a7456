"""Servers that others wrote: one with chaos and a journal, one that judges its client.

They come out of packages (npm's aimock, which needs Node; PyPI's llmock), and are skipped where
these cannot be fetched.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.packages import installed, npm
from support.servers import midnight, served

pytestmark = pytest.mark.slow

ROWS = 40
JOB = """
[job]
name = "reviews"
model = "gpt-x"
[prompt]
user = "Review: {{ text }}"
[answer]
kind = "label"
labels = ["positive", "negative"]
[limits]
max_attempts = 20  # other calls fail in each run, two in five: six in a row are not rare
"""
FIXTURES = {
    "fixtures": [
        {"match": {"userMessage": word}, "response": {"content": label}}
        for word, label in (("lovely", "positive"), ("dreadful", "negative"))
    ]
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job file, and rows of which every second one is lovely."""
    (tmp_path / "job.toml").write_text(JOB)
    rows = [f"{n},a {'lovely' if n % 2 else 'dreadful'} room {n}" for n in range(ROWS)]
    (tmp_path / "in.csv").write_text("\n".join(["id,text", *rows]) + "\n")
    return tmp_path


def calls_in_ledger(folder: Path, address: str) -> dict[str, Any]:
    (day,) = json.loads(midnight(folder, address, "report", "--json").stdout)["days"]
    assert isinstance(day, dict)
    return day


@contextmanager
def aimock(folder: Path, *options: str) -> Iterator[str]:
    if shutil.which("node") is None:
        pytest.skip("aimock needs Node, and there is none")
    program = npm("@copilotkit/aimock") / "dist" / "cli.js"
    (folder / "fixtures.json").write_text(json.dumps(FIXTURES))
    usual = ("-f", str(folder / "fixtures.json"), "--log-level", "silent", "--journal-max", "0")

    def command(port: int) -> Sequence[str]:
        return ["node", str(program), "-p", str(port), *usual, *options]

    with served(command, {}, "/v1/models") as address:
        yield address


@pytest.mark.parametrize(
    "chaos",
    [
        (),
        ("--chaos-drop", "0.15", "--chaos-malformed", "0.15", "--chaos-disconnect", "0.15"),
    ],
)
def test_no_row_is_lost_in_chaos_and_the_ledger_has_every_call_of_the_journal(
    folder: Path, chaos: tuple[str, ...]
) -> None:
    with aimock(folder, *chaos) as address:
        said = midnight(folder, address, "run", "job.toml", "in.csv", "-o", "out.csv")
        assert said.returncode == 0, said.stderr
        url = f"{address}/__aimock/journal?path=/v1/chat/completions&limit=1"
        journal = int(httpx.get(url, trust_env=False).headers["x-total-count"])
        day = calls_in_ledger(folder, address)
    with (folder / "out.csv").open() as file:
        answers = [row["answer"] for row in csv.DictReader(file)]
    assert answers == ["negative", "positive"] * (ROWS // 2)
    assert (day["calls"], day["rows"]) == (journal, ROWS)
    assert day["calls"] == ROWS if not chaos else day["calls"] > ROWS


@contextmanager
def llmock(*options: str) -> Iterator[str]:
    packages = installed("llmock")

    def command(port: int) -> Sequence[str]:
        program = "import sys; from llmock.cli import app; sys.argv[0] = 'llmock'; app()"
        return [sys.executable, "-c", program, "serve", "--port", str(port), *options]

    with served(command, {"PYTHONPATH": str(packages)}, "/health") as address:
        yield address


def scripted(address: str, *behaviors: dict[str, Any]) -> None:
    found = httpx.post(
        f"{address}/_llmock/scenario", json={"behaviors": behaviors}, trust_env=False
    )
    assert found.is_success, found.text


def verdict(address: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{address}/_llmock/verdict", trust_env=False).json()
    return found


FREE = JOB[: JOB.index("[answer]")] + "[parameters]\nmax_tokens = 9\n"


@pytest.mark.parametrize(
    "behaviors",
    [
        ({"type": "fail", "status": 429, "retry_after": 1, "times": 3},),
        ({"type": "fail", "status": 503, "times": 2}, {"type": "fail", "status": 500, "times": 1}),
        ({"type": "fail", "status": 529, "retry_after": 2, "times": 1},),
    ],
)
def test_a_judge_of_clients_finds_nothing_to_blame(
    folder: Path, behaviors: tuple[dict[str, Any], ...]
) -> None:
    """No wait that was asked for is ignored, nothing is hammered, and nothing is given up."""
    (folder / "job.toml").write_text(FREE)
    with llmock() as address:
        scripted(address, *behaviors)
        said = midnight(folder, address, "run", "job.toml", "in.csv", "-o", "out.csv")
        assert said.returncode == 0, said.stderr
        found = verdict(address)
        asked = httpx.get(f"{address}/_llmock/requests", trust_env=False).json()
        calls = calls_in_ledger(folder, address)["calls"]
    assert not found.get("findings"), found
    entries = asked["requests"] if isinstance(asked, dict) else asked
    chats = [one for one in entries if "chat/completions" in json.dumps(one)]
    assert calls == len(chats)


def test_a_quota_of_requests_a_minute_is_kept_to(folder: Path) -> None:
    """60 a minute, told by headers: the rows all come, with hardly a refusal."""
    (folder / "job.toml").write_text(FREE)
    with llmock("--rpm", "600") as address:
        said = midnight(folder, address, "run", "job.toml", "in.csv", "-o", "out.csv")
        assert said.returncode == 0, said.stderr
        day = calls_in_ledger(folder, address)
        assert not verdict(address).get("findings")
    assert (day["rows"], day["throttled"] <= 4) == (ROWS, True)
