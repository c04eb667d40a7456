"""The program as a process: a provider in one, a runner in another, Ctrl-C in between."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from support.processes import popen
from support.waiting import PATIENCE_S

MIDNIGHT = [sys.executable, "-m", "runner"]
JOBS = Path(__file__).parents[2] / "jobs"
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment without anything of the user's."""
    shutil.copy(JOBS / "label_reviews.toml", tmp_path / "job.toml")
    lines = (JOBS / "label_reviews.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"{number},review {number}" for number in range(60)]
    assert "text" in lines[0]
    (tmp_path / "data.csv").write_text("\n".join(["id,text", *rows]) + "\n", encoding="utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "MIDNIGHT_LANG") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path),
        "PYTHONPATH": ROOT,
        "MIDNIGHT_DB": str(tmp_path / "midnight.db"),
    }


@pytest.fixture
def provider(environ: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`midnight simulate` on a free port, whose address `environ` names."""
    words = ["simulate", "--port", "0", "--latency", "50-100", "--calls-per-day", "500", "--json"]
    process = popen(
        [*MIDNIGHT, *words], env=environ, cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    listening = json.loads(process.stdout.readline())
    environ |= {"MIDNIGHT_BASE_URL": listening["base_url"], "MODELSCOPE_API_KEY": "ms-anything"}
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


def start(
    environ: dict[str, str], folder: Path, *words: str, ignore: Collection[int] = ()
) -> subprocess.Popen[str]:
    return popen(
        [*MIDNIGHT, *words], env=environ, cwd=folder, text=True, ignore=ignore,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_an_interrupted_run_goes_on_where_it_stopped(
    environ: dict[str, str], provider: subprocess.Popen[str], tmp_path: Path
) -> None:
    line = ("run", "job.toml", "data.csv", "-o", "out.csv", "--pace", "asap")
    first = start(environ, tmp_path, *line)
    assert first.stderr is not None
    assert "started" in first.stderr.readline()
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 3, err
    assert "Traceback" not in err
    assert "go on with: midnight run job.toml data.csv -o out.csv --pace asap" in out
    states = [
        row["state"] for row in csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    ]
    assert (len(states), states.count("queued") > 0) == (60, True)

    second = start(environ, tmp_path, *line, "--json")
    out, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 0, err
    assert json.loads(out)["succeeded"] == 60

    provider.send_signal(signal.SIGINT)
    seen, _ = provider.communicate(timeout=PATIENCE_S)
    assert provider.returncode == 0
    assert json.loads(seen)["prompts"] == 60
    ledger, _ = start(environ, tmp_path, "report", "--json").communicate(timeout=PATIENCE_S)
    assert sum(day["calls"] for day in json.loads(ledger)["days"]) == json.loads(seen)["calls"]


def test_a_second_signal_stops_at_once_and_loses_nothing(
    environ: dict[str, str], provider: subprocess.Popen[str], tmp_path: Path
) -> None:
    del provider
    run = start(environ, tmp_path, "run", "job.toml", "data.csv", "--pace", "asap")
    assert run.stderr is not None
    run.stderr.readline()
    for _ in range(3):
        run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=PATIENCE_S)
    assert run.returncode in (3, 130)
    assert "Traceback" not in err
    out, err = start(environ, tmp_path, "run", "--json").communicate(timeout=PATIENCE_S)
    assert json.loads(out)["left"] == 0, err


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(("sent", "code"), [("ignored", 0), ("SIGTERM", 3)])
def test_a_signal_that_was_ignored_from_the_start_stays_ignored_and_sigterm_stops(
    environ: dict[str, str],
    provider: subprocess.Popen[str],
    tmp_path: Path,
    ignored: signal.Signals,
    sent: str,
    code: int,
) -> None:
    """A background job of a shell ignores Ctrl-C, and nohup the end of the terminal."""
    del provider
    words = ("run", "job.toml", "data.csv", "--pace", "asap")
    run = start(environ, tmp_path, *words, ignore=(ignored,))
    assert run.stderr is not None
    assert "started" in run.stderr.readline()
    run.send_signal(ignored if sent == "ignored" else signal.SIGTERM)
    out, err = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == code, err
    assert ("stopping" in err) == (sent == "SIGTERM")
    assert ("go on with: midnight run job.toml data.csv" in out) == (sent == "SIGTERM")
