"""What the measurements share: processes and what they used, the server, machine, and tables.

A process is measured from outside: wall time, CPU and peak memory as the kernel counts them for
the child. This module imports little on purpose: a child's peak memory is at least its parent's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import urlopen

HERE = Path(__file__).parent
PEERS_PYTHON = HERE.parent / ".venv-bench" / "bin" / "python"
PEERS = ("uvloop", "aiohttp", "httpx", "flexllm")
MB = 1024 * 1024

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, else KiB
_STOP_S = 30.0


@dataclass(frozen=True)
class Usage:
    """What one process used.

    Attributes:
        wall_s: From its start to its end.
        cpu_s: In user mode and in the kernel, all threads.
        rss_mb: The peak of its resident memory, in MB of 1,048,576 bytes.
        code: Its exit code.
    """

    wall_s: float
    cpu_s: float
    rss_mb: float
    code: int


class Child:
    """A process that is measured."""

    def __init__(
        self, command: Sequence[str | Path], folder: Path, env: dict[str, str] | None = None
    ) -> None:
        self.log = folder / f"{time.time_ns()}.log"
        self.started_at = time.time()
        self._begun = time.perf_counter()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                list(map(str, command)), cwd=folder, env=env, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        self._usage: Usage | None = None

    def wait(self) -> Usage:
        """Waits until it ends, and returns what it used."""
        if self._usage is None:
            _, status, used = os.wait4(self.pid, 0)
            self._set(status, used)
        assert self._usage is not None
        return self._usage

    def is_running(self) -> bool:
        """Returns whether it is still running."""
        if self._usage is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._set(status, used)
        return self._usage is None

    def stop(self) -> Usage:
        """Stops it as Ctrl-C does, waits for it, and kills it if it does not end."""
        until = time.monotonic() + _STOP_S
        if self.is_running():
            os.kill(self.pid, signal.SIGTERM)  # a background job ignores SIGINT
        while self.is_running() and time.monotonic() < until:
            time.sleep(0.05)
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def said(self) -> str:
        """Returns the end of its output so far, for a message."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def _set(self, status: int, used: Any) -> None:
        wall_s = time.perf_counter() - self._begun
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code  # or Popen would wait for it again
        rss_mb = used.ru_maxrss * _RSS_UNIT / MB
        self._usage = Usage(wall_s, used.ru_utime + used.ru_stime, rss_mb, code)


def run(
    command: Sequence[str | Path],
    folder: Path,
    env: dict[str, str] | None = None,
    codes: tuple[int, ...] = (0,),
) -> Usage:
    """Runs a command to its end.

    Raises:
        SystemExit: Its exit code is none of `codes`; the message has what it wrote.
    """
    child = Child(command, folder, env)
    used = child.wait()
    if used.code not in codes:
        words = " ".join(map(str, command))
        raise SystemExit(f"{words}\nended with {used.code}:\n{child.said()}")
    return used


class Server:
    """A running server of `server.py`."""

    def __init__(self, port: int) -> None:
        self.port = port  # of the server, or of what stands before it
        self.base_url = f"http://127.0.0.1:{port}/v1"

    def stats(self) -> dict[str, Any]:
        """Returns the statistics of the calls that it has answered."""
        return self._get("stats")

    def rows_a_second(self) -> float:
        """Returns the rows that it answered a second, from the first call to the last answer."""
        stats = self.stats()
        return float(stats["rows"] / max(1e-6, stats["last_at"] - (stats["first_at"] or 0.0)))

    def clear(self) -> None:
        """Resets the statistics."""
        self._get("clear")

    def _get(self, what: str) -> dict[str, Any]:
        with urlopen(f"http://127.0.0.1:{self.port}/{what}") as reply:
            found: dict[str, Any] = json.load(reply)
            return found


@contextmanager
def serving(*options: object) -> Iterator[Server]:
    """Starts a server with these options, on a core of its own, and ends it afterwards."""
    command = [peers_python() or Path(sys.executable), HERE / "server.py", *options]
    if cores := _cores():
        command += ["--core", cores[-1]]
    words = list(map(str, command))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready, port = (process.stdout.readline() or "- 0").split()
            if ready != "ready":
                raise SystemExit("the measuring server did not start")
            yield Server(int(port))
        finally:
            process.terminate()


def peers_python() -> Path | None:
    """Returns the interpreter in which the peers are installed, if `make bench` has made it."""
    return PEERS_PYTHON if PEERS_PYTHON.exists() else None


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process and its children on the first core; servers run on another.

    With one core, or where the platform cannot, nothing is done.
    """
    cores = _cores()
    if cores:
        os.sched_setaffinity(0, cores[:1])
    try:
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


@cache
def _cores() -> tuple[int, ...]:
    """Returns the cores that may be used, if there are two and a process can be kept on one."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    cores = tuple(sorted(os.sched_getaffinity(0)))
    return cores if len(cores) > 1 else ()


@contextmanager
def scratch() -> Iterator[Path]:
    """Makes a folder for one measurement, and removes it afterwards."""
    with tempfile.TemporaryDirectory(prefix="midnight-bench-") as name:
        yield Path(name)


def arguments(about: str | None, **defaults: int | str | None) -> argparse.Namespace:
    """Reads the options that a measurement has, each an option of its own with a default."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    for name, default in defaults.items():
        kind = str if isinstance(default, str) else int
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default)
    found = parser.parse_args()
    print_machine()
    return found


def median(values: Sequence[float]) -> float:
    """Returns the median; NaN without values."""
    return statistics.median(values) if values else float("nan")


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table, and how busy the machine was: the first column to the left, others right."""
    cells = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title} (load {os.getloadavg()[0]:.1f})")
    for number, row in enumerate(cells):
        first, *others = (
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *others]).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))
    sys.stdout.flush()


def skipped(what: str, why: str) -> None:
    """Says that something was not measured."""
    print(f"  skipped: {what}: {why}", flush=True)


def print_machine() -> None:
    """Prints the machine and the versions, once for all scripts that one `make` runs."""
    if os.environ.get("MIDNIGHT_BENCH_MACHINE"):
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    print(f"machine   {_processor()}, {os.cpu_count()} cores, {memory:.0f} GB; load {load}")
    print(f"system    {platform.platform()}")
    print(f"python    {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
    versions = [f"midnight-runner {_version_in(Path(sys.executable), 'midnight-runner')}"]
    if (python := peers_python()) is None:
        versions.append("no peers: `make .venv-bench/peers` installs them")
    else:
        versions += [f"{peer} {_version_in(python, peer)}" for peer in PEERS]
    print(f"versions  {', '.join(versions)}", flush=True)


def _version_in(python: Path, name: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
