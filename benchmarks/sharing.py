"""What sharing costs: many batches in one queue, and two processes on one database.

    python benchmarks/sharing.py [--rows 5000] [--rounds 3]

Batches: the same rows as 1, 10 and 100 batches, queued before, then one `midnight run`. Processes:
two `midnight run` at once, where the server is not the limit; and whether they keep a limit.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from calls import Cost, cost
from measuring import Usage, arguments, one_core, scratch, serving, table
from workspace import Setup, Workspace, write_job, write_rows

BATCHES = (1, 10, 100)
LATENCY_MS, IN_FLIGHT = 500, 32
LIMIT = 500


def queue(folder: Path, setup: Setup, rows: int, batches: int) -> Workspace:
    """Queues so many rows in so many batches."""
    place = Workspace(folder, setup)
    size = rows // batches
    for number in range(batches):
        job = write_job(folder / f"job-{number}.toml", name=f"batch {number}")
        path = write_rows(folder / f"rows-{number}.csv", size, first=number * size)
        place.run("submit", job, path)
    return place


def copied(place: Workspace, to: Path, setup: Setup) -> Workspace:
    """Copies a queue, so that it can be processed more than once."""
    shutil.copytree(place.folder, to)
    return Workspace(to, setup)


def measure_batches(rows: int, rounds: int) -> None:
    """Prints the cost of a call with few and many batches."""
    with one_core(), serving() as server, scratch() as folder:
        setup = Setup(server.base_url)
        counts = {0: queue(folder / "one", setup, 1, 1)}
        counts |= {count: queue(folder / f"{count}", setup, rows, count) for count in BATCHES}
        taken: dict[int, list[Usage]] = {count: [] for count in counts}
        seen: dict[int, list[float]] = {count: [] for count in counts}
        for number in range(rounds):
            for count, place in counts.items():
                copy = copied(place, folder / f"{count}-{number}", setup)
                server.clear()
                taken[count].append(copy.run("run"))
                seen[count].append(server.rows_a_second())
                shutil.rmtree(copy.folder)
    costs = {count: cost(taken[count], taken[0], seen[count], rows) for count in BATCHES}
    head = ("batches", "rows/s", "server sees rows/s", "marginal CPU ms", "CPU x one batch")
    title = f"{rows:,} rows queued before, then one `midnight run`; no latency"
    table(title, head, [_line(count, costs) for count in BATCHES])


def _line(batches: int, costs: dict[int, Cost]) -> Sequence[object]:
    own, one = costs[batches], costs[1]
    ratio = own.marginal_cpu_ms / one.marginal_cpu_ms
    rates = (f"{own.rate:,.0f}", f"{own.seen_rate:,.0f}")
    return (batches, *rates, f"{own.marginal_cpu_ms:.2f}", f"{ratio:.2f}")


def rate_of(processes: int, latency_ms: int, in_flight: int, rows: int) -> float:
    """Returns the calls a second of so many processes on one database, as the server saw them."""
    with serving("--latency", latency_ms) as server, scratch() as folder:
        setup = Setup(server.base_url, in_flight=in_flight, starts_at=in_flight)
        place = queue(folder / "queue", setup, rows, 1)
        _run_together(place, processes, "run")
        asked = server.stats()["answered"]
        assert asked == rows, f"{asked} calls for {rows} rows"
        return server.rows_a_second()


def measure_processes(rows: int) -> None:
    """Prints the rates of one and of two processes."""
    lines = []
    cases = (
        (f"{LATENCY_MS} ms latency, {IN_FLIGHT} in flight each", LATENCY_MS, IN_FLIGHT, rows // 5),
        ("no latency, 64 in flight each (both and the server need CPU)", 0, 64, rows),
    )
    for name, latency_ms, in_flight, count in cases:
        one, two = (rate_of(number, latency_ms, in_flight, count) for number in (1, 2))
        lines.append((name, f"{one:,.1f}", f"{two:,.1f}", f"{two / one:.2f}"))
    head = ("two processes on one database", "one: calls/s", "two: calls/s", "ratio")
    table("Processes", head, lines)


def measure_limit() -> None:
    """Prints how many calls two processes make where the account allows so many."""
    with serving() as server, scratch() as folder:
        limits = f"max_calls = {LIMIT}"
        place = queue(folder / "queue", Setup(server.base_url, more=limits), 2 * LIMIT, 1)
        _run_together(place, 2, "run", "--no-wait")
        calls = server.stats()["answered"]
    verdict = "kept" if calls <= LIMIT else "EXCEEDED"
    print(f"  two processes, {LIMIT} calls allowed: {calls} made; the limit is {verdict}")


def _run_together(place: Workspace, processes: int, *words: str) -> None:
    children = [place.start(*words) for _ in range(processes)]
    for child in children:
        used = child.wait()
        if used.code not in {0, 3}:
            raise SystemExit(f"a process ended with {used.code}:\n{child.said()}")


def main() -> None:
    """Measures all of it."""
    asked = arguments(__doc__, rows=5000, rounds=3)
    measure_batches(asked.rows, asked.rounds)
    measure_processes(asked.rows)
    measure_limit()


if __name__ == "__main__":
    main()
