"""The real command, and the simulator that it calls, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

MIDNIGHT = [sys.executable, "-m", "runner"]
ROOT = Path(__file__).parents[2]
CONFIG = """
[accounts.mine]
token = "env:MODELSCOPE_API_KEY"
limits = { calls_per_second = 200 }
"""


def popen(
    command: Sequence[str], *, ignore: Collection[int] = (), **options: Any
) -> subprocess.Popen[Any]:
    """Start a process as a terminal would: signals end it, whatever is ignored here.

    A background job of a shell ignores SIGINT, and so would its children. `ignore` names the
    signals that the process is to find ignored.
    """

    def prepare() -> None:
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN if one in ignore else signal.SIG_DFL)

    return subprocess.Popen(command, preexec_fn=prepare, **options)  # noqa: PLW1509 - few threads


@contextmanager
def simulating(*options: str) -> Iterator[str]:
    """A simulator on a free port, which grants as good as any number of calls; its address."""
    usual = ["--json", "simulate", "--port", "0", "--calls-per-day", "1000000"]
    command = [*MIDNIGHT, *usual, *options]
    with popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield orjson.loads(process.stdout.readline())["base_url"].removesuffix("/v1")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def stats(address: str) -> dict[str, Any]:
    """What the simulator has seen so far."""
    found: dict[str, Any] = httpx.get(f"{address}/simulator/stats", trust_env=False).json()
    return found


def start(folder: Path, address: str, *words: str) -> subprocess.Popen[bytes]:
    """The command, begun in `folder` on the queue there."""
    (folder / "midnight.toml").write_text(CONFIG)
    environ = os.environ | {
        "MIDNIGHT_BASE_URL": f"{address}/v1",
        "MODELSCOPE_API_KEY": "sim-token",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }
    command = [*MIDNIGHT, "--db", "queue.db", *words]
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
    )


def run(folder: Path, address: str, *words: str) -> None:
    """The command, brought to a good end."""
    process = start(folder, address, *words)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said.decode()
