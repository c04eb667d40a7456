"""The one-liner, from a script, from a running loop, and interrupted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.library import letters, right_answer, rows, simulator
from support.waiting import PATIENCE_S

from runner import UnauthorisedError, run

ROOT = Path(__file__).parents[2]

INTERRUPTED = """
import asyncio, os, signal, sys
from runner import Job, Simulator, run

job = Job(model="Qwen/Qwen3-8B", user="{{ text }}")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job would ignore it

def rows():
    for number in range(20_000):
        if number == 10_000:
            os.kill(os.getpid(), signal.SIGINT)
        yield {"text": str(number)}

async def notebook():
    return run(job, rows(), simulator=Simulator())

try:
    if sys.argv[1] == "notebook":
        asyncio.new_event_loop().run_until_complete(notebook())  # as IPython's kernel does
    else:
        run(job, rows(), simulator=Simulator())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_it_returns_the_results_in_the_order_of_the_rows() -> None:
    found = run(letters(pack=7), rows(50), simulator=simulator(calls_per_day=3))
    assert [result.number for result in found] == list(range(1, 51))
    assert [result.answer for result in found] == [right_answer(f"row {n}") for n in range(50)]


def test_it_works_inside_a_running_loop() -> None:
    async def notebook() -> list[str | None]:
        return [one.answer for one in run(letters(), rows(20), simulator=simulator())]

    assert asyncio.run(notebook()) == [right_answer(f"row {n}") for n in range(20)]


def test_errors_reach_the_caller_in_and_out_of_a_loop() -> None:
    async def notebook() -> None:
        run(letters(), rows(3), simulator=simulator(tokens=("another",)))

    with pytest.raises(UnauthorisedError):
        asyncio.run(notebook())
    with pytest.raises(UnauthorisedError):
        run(letters(), rows(3), simulator=simulator(tokens=("another",)))


def test_the_same_line_again_costs_no_call(tmp_path: Path) -> None:
    provider, db = simulator(), tmp_path / "queue.db"
    first = run(letters(), rows(20), db=db, simulator=provider)
    again = run(letters(), rows(20), db=db, simulator=provider)
    assert [one.answer for one in first] == [one.answer for one in again]
    assert provider.stats().calls == 20


def test_without_waiting_it_returns_what_there_is() -> None:
    found = run(letters(), rows(20), wait=False, simulator=simulator(calls_per_day=5))
    assert 0 < sum(result.ok for result in found) <= 5
    assert {result.state for result in found} == {"succeeded", "queued"}


@pytest.mark.parametrize("place", ["script", "notebook"])
def test_an_interrupt_ends_it(place: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    ended = subprocess.run(
        [sys.executable, str(script), place],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode in (0, -signal.SIGINT)
    assert ended.stdout == "interrupted\n", ended.stderr
