"""How the number of calls in flight is found where calls are refused, or answered more slowly.

    python benchmarks/refusals.py [--seconds 120 | --short] [--unpaced] [--only WORD]

Each case is one `midnight run` of the real command against a server that bears so much and no
more. All but one make few calls, and run at once. The one that makes many has the machine to
itself; so has a bare aiohttp loop afterwards, if the peers are installed, which shows what the
machine allows. What a limiter allows in the time is the ideal.
"""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from measuring import (
    HERE,
    Child,
    Server,
    one_core,
    peers_python,
    print_machine,
    scratch,
    serving,
    skipped,
    table,
)
from proxies import Proxied, find, haproxy, nginx
from workspace import Setup, Workspace, write_job, write_rows

FULL_S, SHORT_S = 120, 30
IN_FLIGHT = 256
CLIENTS = HERE / "clients.py"

_FIRST_CALL_S = 120.0
_SMOOTHED = 20  # buckets of 0.1 s
_SPARE = 1.3

Front = Callable[[Server, Path], AbstractContextManager[Server]]


@contextmanager
def _nothing(server: Server, folder: Path) -> Iterator[Server]:
    del folder
    yield server


@dataclass(frozen=True)
class Case:
    """A server, and what it allows.

    Attributes:
        name: What the table calls it.
        options: The server's.
        allowed: Calls that are allowed in so many seconds.
        full: The share of the ideal rate that counts as full; None: the rate is not even.
        front: What stands before the server.
        needs: The program that this takes.
        is_heavy: Whether it takes the machine for itself.
    """

    name: str
    options: tuple[object, ...]
    allowed: Callable[[float], float]
    full: float | None = None
    front: Front = _nothing
    needs: str | None = None
    is_heavy: bool = False


def minutes(seconds: float) -> float:
    """Returns what 60 in any 60 s allow: all of them at the start of each minute."""
    return 60 * -(-seconds // 60)


CASES = (
    Case("bears 4 at 100 ms", ("--bears", 4, "--latency", 100), lambda s: 40 * s, 0.8),
    Case(
        "bears 256 at 200 ms",
        ("--bears", 256, "--latency", 200),
        lambda s: 1280 * s,
        0.97,
        is_heavy=True,
    ),
    Case(
        "60 a minute, Retry-After",
        ("--per-minute", 60, "--retry-after", "--latency", 100),
        minutes,
    ),
    Case("60 a minute, no word", ("--per-minute", 60, "--latency", 100), minutes),
    Case(
        "nginx 60r/m burst 2, 503",
        ("--latency", 50),
        lambda s: s + 3,
        front=lambda server, folder: nginx(server, folder, 503),
        needs="nginx",
    ),
    Case(
        "nginx 60r/m burst 2, 429",
        ("--latency", 50),
        lambda s: s + 3,
        front=lambda server, folder: nginx(server, folder, 429),
        needs="nginx",
    ),
    Case("haproxy 10 in 10 s, 429", ("--latency", 50), lambda s: s, front=haproxy, needs="haproxy"),
    Case(
        "8 at once at 200 ms, queues",
        ("--slots", 8, "--latency", 200),
        lambda s: 40 * s,
        0.8,
    ),
)


@dataclass(frozen=True)
class Seen:
    """What the server saw in the time.

    Attributes:
        answered: Calls in all; `late_answered` in the second half.
        refused: Calls, by the server or by what stands before it; `late_refused` as above.
        full_after_s: When the rate was full for the first time; None: never.
        most_queued: Calls that waited at once; `queue_ms` is how long one waited, on average.
    """

    answered: int
    late_answered: int
    refused: int
    late_refused: int
    full_after_s: float | None
    most_in_flight: int
    most_queued: int
    queue_ms: float


def measure(case: Case, seconds: int, *, unpaced: bool) -> Seen:
    """Runs the command for so many seconds from its first call on."""
    start = partial(_start_midnight, unpaced=unpaced)
    return _measure(case, seconds, start, codes={0, 3})


def measure_bare(case: Case, seconds: int, python: Path) -> Seen:
    """Runs the bare loop, which knows `IN_FLIGHT` from the start, for so many seconds."""
    # It does not end by itself when it is stopped: a signal ends it.
    return _measure(case, seconds, partial(_start_bare, python), codes={0, -signal.SIGTERM})


def _start_midnight(place: Path, base_url: str, count: int, *, unpaced: bool) -> Child:
    setup = Setup(base_url, in_flight=IN_FLIGHT, starts_at=None, unpaced=unpaced)
    rows, job = write_rows(place / "rows.csv", count), write_job(place / "job.toml")
    return Workspace(place, setup).start("run", job, rows)


def _start_bare(python: Path, place: Path, base_url: str, count: int) -> Child:
    rows = write_rows(place / "rows.csv", count)
    return Child([python, CLIENTS, "aiohttp", base_url, rows, str(IN_FLIGHT)], place)


def _measure(
    case: Case, seconds: int, start: Callable[[Path, str, int], Child], codes: set[int]
) -> Seen:
    with scratch() as folder, serving(*case.options) as server, case.front(server, folder) as front:
        place = folder / "run"
        place.mkdir()
        count = round(case.allowed(seconds) * _SPARE) + 100
        child = start(place, front.base_url, count)
        try:
            first_at = _first_call(server, child.said)
            time.sleep(max(0.0, first_at + seconds - time.time()))
            stats = server.stats()
        finally:
            used = child.stop()
        if used.code not in codes:
            raise SystemExit(f"{case.name}: ended with {used.code}:\n{child.said()}")
        refused_at = front.refused_at() if isinstance(front, Proxied) else []
    return _seen(case, seconds, stats, [moment - first_at for moment in refused_at])


def _first_call(server: Server, said: Callable[[], str]) -> float:
    until = time.monotonic() + _FIRST_CALL_S
    while (first_at := server.stats()["first_at"]) is None:
        if time.monotonic() > until:
            raise SystemExit(f"no call came:\n{said()}")
        time.sleep(0.1)
    return float(first_at)


def _seen(case: Case, seconds: int, stats: dict[str, Any], refused_s: list[float]) -> Seen:
    size = stats["bucket_s"]
    buckets = {number: (answered, refused) for number, answered, refused in stats["buckets"]}
    counts = [buckets.get(number, (0, 0)) for number in range(round(seconds / size))]
    half = len(counts) // 2
    refused = [moment for moment in refused_s if moment < seconds]
    late = [moment for moment in refused if moment >= seconds / 2]
    return Seen(
        sum(answered for answered, _ in counts),
        sum(answered for answered, _ in counts[half:]),
        sum(count for _, count in counts) + len(refused),
        sum(count for _, count in counts[half:]) + len(late),
        _full_after(case, [answered for answered, _ in counts], size),
        stats["most_in_flight"],
        stats["most_queued"],
        stats["queued_s"] / max(1, stats["answered"]) * 1000,
    )


def _full_after(case: Case, answered: list[int], size: float) -> float | None:
    """Returns when the rate over two seconds was full: the end of the first such two."""
    if case.full is None:
        return None
    wanted = case.full * case.allowed(_SMOOTHED * size)
    for end in range(_SMOOTHED, len(answered) + 1):
        if sum(answered[end - _SMOOTHED : end]) >= wanted:
            return end * size
    return None


def _line(case: Case, name: str, seconds: int, seen: Seen) -> list[str]:
    allowed = case.allowed(seconds)
    half = allowed - case.allowed(seconds / 2)
    asked, late_asked = seen.answered + seen.refused, seen.late_answered + seen.late_refused
    full = "-" if case.full is None else "never"
    if seen.full_after_s is not None:
        full = f"{seen.full_after_s:.1f} s"
    return [
        name,
        f"{allowed:,.0f}",
        f"{seen.answered:,}",
        f"{seen.answered / allowed:.0%}",
        f"{seen.refused / max(1, asked):.1%}",
        f"{seen.late_answered / half:.0%}" if half else "-",
        f"{seen.late_refused / max(1, late_asked):.1%}",
        full,
        f"{seen.most_in_flight}",
        f"{seen.most_queued}",
        f"{seen.queue_ms:.0f} ms",
    ]


_HEAD = (
    "case",
    "allowed",
    "answered",
    "share",
    "refused",
    "share, 2nd half",
    "refused",
    "full rate after",
    "most in flight",
    "most queued",
    "mean wait",
)


def main() -> None:
    """Measures every case whose programs are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=FULL_S)
    parser.add_argument("--short", action="store_true", help=f"{SHORT_S} s")
    parser.add_argument("--unpaced", action="store_true", help="lift the preset's rate of calls")
    parser.add_argument("--only", default="", metavar="WORD", help="cases whose name has it")
    asked = parser.parse_args()
    print_machine()
    seconds = SHORT_S if asked.short else asked.seconds
    chosen = [case for case in CASES if asked.only in case.name]
    there = [case for case in chosen if case.needs is None or find(case.needs)]
    light = [case for case in there if not case.is_heavy]
    found: dict[str, Seen] = {}
    bare: dict[str, Seen] = {}
    with ThreadPoolExecutor(max(1, len(light))) as pool:
        running = {
            case: pool.submit(measure, case, seconds, unpaced=asked.unpaced) for case in light
        }
        found |= {case.name: future.result() for case, future in running.items()}
    with one_core():
        for case in there:
            if case.is_heavy:
                found[case.name] = measure(case, seconds, unpaced=asked.unpaced)
                if (python := peers_python()) is not None:
                    bare[case.name] = measure_bare(case, seconds, python)
    lines = []
    for case in there:
        lines.append(_line(case, case.name, seconds, found[case.name]))
        if case.name in bare:
            lines.append(_line(case, "  the same, bare aiohttp", seconds, bare[case.name]))
    table(f"{seconds} s from the first call on, up to {IN_FLIGHT} in flight", _HEAD, lines)
    for case in chosen:
        if case not in there:
            skipped(case.name, f"{case.needs} is not installed (apt-get install {case.needs})")


if __name__ == "__main__":
    main()
