"""How long one waits for a command, and what a run takes that waits for the next day.

    python benchmarks/start.py [--rows 1000000] [--times 5] [--seconds 60]

Times are medians of whole processes. A run waits when the server has told it that the day is
spent; what it takes then is read from /proc, so that part needs Linux. It is read once the start
has come to an end: the table says when that was, and how long the run was watched from then on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measuring import (
    Child,
    Server,
    Usage,
    arguments,
    median,
    one_core,
    scratch,
    serving,
    skipped,
    table,
)
from workspace import Setup, Workspace, write_job, write_rows

QUOTA = 20

_PATIENCE_S = 60.0
_TICK_S = 0.1
# A run has started when it has taken less than this share of a core for so long.
_QUIET_S = 10.0
_QUIET_SHARE = 0.01


def first_call_s(start: Callable[[], Child], server: Server) -> float:
    """Returns the time from a command's start to the arrival of its first call; then stops it."""
    server.clear()
    child = start()
    try:
        until = time.monotonic() + _PATIENCE_S
        while (first_at := server.stats()["first_at"]) is None:
            if time.monotonic() > until or not child.is_running():
                raise SystemExit(f"no call came:\n{child.said()}")
            time.sleep(_TICK_S)
        return float(first_at) - child.started_at
    finally:
        child.stop()


def measure_starts(rows: int, times: int) -> None:
    """Prints the times of a run's first call, and of commands on a large database."""
    with one_core(), serving("--latency", 20) as server, scratch() as folder:
        setup = Setup(server.base_url)
        few = write_rows(folder / "few.csv", 300)

        def afresh(number: int) -> Callable[[], Child]:
            place = Workspace(folder / f"{number}", setup)
            return lambda: place.start("run", write_job(place.folder / "job.toml"), few)

        fresh = [first_call_s(afresh(number), server) for number in range(times)]
        place = Workspace(folder / "large", setup)
        place.run("submit", write_job(folder / "job.toml"), write_rows(folder / "many.csv", rows))
        large = [first_call_s(lambda: place.start("run"), server) for _ in range(times)]
        lines = [
            ("first call of `run`, 300 rows, new database", f"{median(fresh):.2f} s", ""),
            (f"first call of `run`, {rows:,} rows queued", f"{median(large):.2f} s", ""),
        ]
        for words in (("--help",), ("status",), ("quota",)):
            taken = [place.run(*words) for _ in range(times)]
            on = "" if words == ("--help",) else f", {rows:,} rows queued"
            lines.append(_line(f"`{words[0]}`{on}", taken))
    table(f"Starts, median of {times}", ("what", "wall", "CPU"), lines)


def _line(name: str, taken: list[Usage]) -> tuple[str, str, str]:
    wall, cpu = median([used.wall_s for used in taken]), median([used.cpu_s for used in taken])
    return (name, f"{wall:.2f} s", f"{cpu:.2f} s")


@dataclass(frozen=True)
class Process:
    """A process at one moment: its CPU so far, and its resident memory."""

    cpu_s: float
    rss_mb: float

    @classmethod
    def of(cls, pid: int) -> Process:
        """Reads both of a running process, including its threads."""
        tasks = Path(f"/proc/{pid}/task").iterdir()
        spent_ns = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(spent_ns / 1e9, pages * os.sysconf("SC_PAGE_SIZE") / 1024**2)


def measure_waiting(seconds: int) -> None:
    """Prints the CPU and the memory of a run whose day is spent."""
    if not Path("/proc/self/schedstat").exists():
        skipped("waiting for the next day", "it is read from /proc/PID/schedstat, of Linux")
        return
    with serving("--quota", QUOTA) as server, scratch() as folder:
        place = Workspace(folder / "run", Setup(server.base_url, "modelscope", starts_at=None))
        rows = write_rows(folder / "rows.csv", 10 * QUOTA)
        job = write_job(folder / "job.toml")
        child = place.start("run", job, rows, "-o", folder / "out.csv", "--pace", "asap")
        try:
            _await_spent(server, child)
            _await_quiet(child)
            calls, waited_s = _asked(server), time.time() - child.started_at
            share = _share_of_core(child.pid, seconds)
            after, more = Process.of(child.pid), _asked(server) - calls
        finally:
            child.stop()
    when = f"{waited_s:.0f} s to {waited_s + seconds:.0f} s"
    line = (when, f"{share:.3%}", f"{after.rss_mb:.0f} MB", more)
    heads = ("after the start", "CPU of a core", "resident", "calls")
    table("Waiting for the next day", heads, [line])


def _await_spent(server: Server, child: Child) -> None:
    until = time.monotonic() + _PATIENCE_S
    while server.stats()["answered"] < QUOTA:
        if time.monotonic() > until or not child.is_running():
            raise SystemExit(f"the day was not spent:\n{child.said()}")
        time.sleep(_TICK_S)


def _await_quiet(child: Child) -> None:
    """Waits until the start is over: what it leaves to do would count as waiting otherwise."""
    until = time.monotonic() + _PATIENCE_S
    while _share_of_core(child.pid, _QUIET_S) > _QUIET_SHARE:
        if time.monotonic() > until:
            return  # it never gets quiet, which the table then shows


def _share_of_core(pid: int, seconds: float) -> float:
    """Watches a process for so long, and returns the share of a core that it takes."""
    before, begun = Process.of(pid), time.monotonic()
    time.sleep(seconds)
    return (Process.of(pid).cpu_s - before.cpu_s) / (time.monotonic() - begun)


def _asked(server: Server) -> int:
    stats = server.stats()
    return int(stats["answered"] + stats["refused"])


def main() -> None:
    """Measures all of it."""
    asked = arguments(__doc__, rows=1_000_000, times=5, seconds=60)
    measure_starts(asked.rows, asked.times)
    measure_waiting(asked.seconds)


if __name__ == "__main__":
    main()
