"""The real command in a process of its own, and the simulator that it calls in a thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import anyio
import anyio.from_thread
from anyio.lowlevel import current_token

from runner.clock import SystemClock
from runner.simulator import SimulatedProvider, SimulatorConfig, serve
from runner.simulator.stats import Stats
from support.waiting import PATIENCE_S

MIDNIGHT = [sys.executable, "-m", "runner"]
ROOT = Path(__file__).parents[2]
NOW = SystemClock().now
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


@dataclass(frozen=True)
class Simulator:
    """A simulator that is served: its address, and what it has seen."""

    address: str
    provider: SimulatedProvider

    @property
    def seen(self) -> Stats:
        return self.provider.stats()


@contextmanager
def simulating(*, now: Callable[[], int] = NOW, **settings: Any) -> Iterator[Simulator]:
    """A simulator on a free port, which grants as good as any number of calls."""
    usual = {"calls_per_day": 1_000_000, "calls_per_day_per_model": None, "models": ()}
    provider = SimulatedProvider(SimulatorConfig(**usual | settings), now)
    with servers() as begin:
        yield Simulator(f"http://127.0.0.1:{begin(provider)}", provider)


@contextmanager
def servers() -> Iterator[Callable[[SimulatedProvider], int]]:
    """Servers in threads, all ended on the way out; each begins with its port."""
    running: list[tuple[Thread, list[Any]]] = []

    def begin(simulator: SimulatedProvider) -> int:
        ready = Event()
        ports: list[int] = []
        ends: list[Any] = []

        def listening(port: int) -> None:
            ports.append(port)
            ready.set()

        async def main() -> None:
            with anyio.CancelScope() as scope:
                ends.extend([current_token(), scope])
                await serve(simulator, "127.0.0.1", 0, ready=listening)

        thread = Thread(target=anyio.run, args=(main,), daemon=True)
        thread.start()
        assert ready.wait(PATIENCE_S)
        running.append((thread, ends))
        return ports[0]

    yield begin
    for thread, (token, scope) in running:
        anyio.from_thread.run_sync(scope.cancel, token=token)
        thread.join(PATIENCE_S)


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
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said.decode()
