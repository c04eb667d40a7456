"""A run seen from another process: `status` and `watch` say what it says itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.waiting import PATIENCE_S

from runner.cli.watch_action import merged
from tests.app.test_publishing import NOW, batch, progress

ROOT = Path(__file__).parents[2]


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a process of its own, until it is stopped."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "runner", *words],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def until(ready: Any) -> Any:
    """What `ready` returns as soon as that is something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := ready():
            return found
        time.sleep(0.1)
    raise AssertionError("it has not come to that")


def test_a_run_is_seen_paused_and_resumed_from_elsewhere(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(calls_per_day=3)
    with running("run", *work, "--pace", "asap") as process:
        runs = until(lambda: midnight("status", "--json").json["runs"])
        assert runs[0]["pid"] == process.pid
        until(lambda: "sleeping until" in midnight("status").out)
        assert f"process {process.pid}, since" in midnight("status").out
        assert "1 runner at work" in midnight("status").out.splitlines()[0]
        midnight("pause", 1)
        until(lambda: "all that it works on is paused" in midnight("status").out)
        assert "midnight resume 1" in midnight("status").out
        said = midnight("resume", 1).out
        assert "the runner at work goes on with it" in said
        until(lambda: "sleeping until" in midnight("status").out)
    assert midnight("status", "--json").json["runs"] == []
    assert "nobody is working on it" in midnight("status").out.splitlines()[0]


def test_watching_ends_with_the_run_and_says_how_things_stand(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(latency_ms=(700, 700))
    with running("run", *work):
        until(lambda: midnight("status", "--json").json["runs"])
        said = midnight("watch")
    assert "started: label reviews (batch 1)" in said.err
    assert "6 of 6" in said.out


def test_watching_nobody_says_so_first(midnight: Any, work: Any) -> None:
    midnight("submit", *work)
    said = midnight("watch")
    assert midnight("watch", "--json").json["runs"] == []
    assert said.out.splitlines()[0] == "nobody is working on it; start with: midnight run"


def test_several_runs_are_shown_as_one() -> None:
    first, second = progress(), progress(NOW + 1)
    assert merged([first]) is first
    both = merged([first, second])
    assert (both.at, both.in_flight, len(both.batches)) == (NOW + 1, 6, 1)
    assert batch() == both.batches[0]
