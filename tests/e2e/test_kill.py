"""The real command against a served simulator, killed with SIGKILL at random moments.

``KILLS=50 pytest tests/e2e/test_kill.py`` kills as often as was promised; a plain run kills less.
"""

from __future__ import annotations

import csv
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import orjson
import pytest
from support.processes import MIDNIGHT, Simulator, run, simulating, start
from support.waiting import PATIENCE_S

from runner.simulator import answer

KILLS = int(os.environ.get("KILLS", "2"))
ROWS = 40 * KILLS
WORDS = ("run", "job.toml", "in.csv", "-o", "out.csv", "--pace", "asap")
JOB = """
[job]
name = "letters"
model = "Qwen/Qwen3-8B"
pack = {pack}
[prompt]
user = "Which letter is {{{{ text }}}}?"
[answer]
kind = "label"
labels = ["a", "b", "c"]
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    faults = {"item_missing": 0.1, "item_wrong": 0.1}  # of packs only
    with simulating(latency_ms=(20, 60), faults=faults) as served:
        yield served


def await_calls(
    simulator: Simulator, processes: list[subprocess.Popen[bytes]], beyond: int
) -> None:
    """Wait until a runner has made a new call, or has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while simulator.seen.calls <= beyond and time.monotonic() < deadline:
        if all(process.poll() is not None for process in processes):
            return
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("runners", "pack"), [(1, 1), (2, 4), pytest.param(2, 1, marks=pytest.mark.nightly)]
)
def test_every_row_has_one_result_and_every_call_is_accounted_for(
    tmp_path: Path, simulator: Simulator, runners: int, pack: int
) -> None:
    """However often the runners die, and however many rows share a call."""
    chance = Random(runners)
    (tmp_path / "job.toml").write_text(JOB.format(pack=pack))
    rows = "".join(f"row {number}\n" for number in range(ROWS))
    (tmp_path / "in.csv").write_text("text\n" + rows)
    lost = 0
    for _ in range(KILLS):
        before = simulator.seen.calls
        processes = [start(tmp_path, simulator.address, *WORDS) for _ in range(runners)]
        await_calls(simulator, processes, before)
        time.sleep(chance.uniform(0, 0.2))
        for process in processes:
            process.kill()
            process.communicate()
        lost += 32 * runners
    run(tmp_path, simulator.address, *WORDS)
    check_results(tmp_path / "out.csv")
    check_ledger(tmp_path, simulator, lost)


def check_results(out: Path) -> None:
    with out.open(newline="") as file:
        results = list(csv.DictReader(file))
    assert [row["text"] for row in results] == [f"row {number}" for number in range(ROWS)]
    for row in results:
        prompt = {"role": "user", "content": f"Which letter is {row['text']}?"}
        labels = "Answer with exactly one of these labels and nothing else: a | b | c"
        assert row["state"] == "succeeded"
        assert row["answer"] == answer([{"role": "system", "content": labels}, prompt])


def check_ledger(folder: Path, simulator: Simulator, most_lost: int) -> None:
    """The ledger counts at least what the provider saw, and at most what was in flight beyond."""
    database = str(folder / "queue.db")
    reported = subprocess.check_output([*MIDNIGHT, "--db", database, "--json", "report"])
    days = orjson.loads(reported)["days"]
    calls, seen = sum(day["calls"] for day in days), simulator.seen.calls
    assert seen <= calls <= seen + most_lost
    assert sum(day["rows"] for day in days) == ROWS
    checked = subprocess.run([*MIDNIGHT, "--db", database, "db", "check"], check=False)
    assert checked.returncode == 0
