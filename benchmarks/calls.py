"""Calls a second and CPU a call: `midnight run` beside the peers, on a server without latency.

    python benchmarks/calls.py [--rows 5000] [--more-rows 20000] [--rounds 3]

Every client asks the same rows of the same server, 64 at a time; clients run on one core, the
server on another. Each is measured as a whole process; the cost of starting, measured with one
row, is subtracted for the marginal figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clients import NOT_INSTALLED
from measuring import (
    HERE,
    Server,
    Usage,
    arguments,
    median,
    one_core,
    peers_python,
    run,
    scratch,
    serving,
    skipped,
    table,
)
from workspace import Setup, Workspace, write_job, write_rows

IN_FLIGHT = 64
PACK = 20
QUOTA = 10**9
SLOW = ("cookbook", "httpx")


@dataclass(frozen=True)
class Client:
    """Something that asks every row of a file.

    Attributes:
        name: What the table calls it.
        server: Whom it asks.
        ask: Asks the rows of a file, of which there are so many, and returns what it took.
        is_slow: Whether it asks in the first round only, and not where there are many rows.
    """

    name: str
    server: Server
    ask: Callable[[Path, int], Usage | None]
    is_slow: bool = False


def peer(name: str, server: Server) -> Client:
    """Returns one of the peers."""

    def ask(path: Path, rows: int) -> Usage | None:
        del rows
        python = peers_python()
        if python is None:
            return None
        words = [name, server.base_url, path, IN_FLIGHT]
        command: list[str | Path] = [python, HERE / "clients.py", *map(str, words)]
        used = run(command, path.parent, codes=(0, NOT_INSTALLED))
        return used if used.code == 0 else None

    return Client(name, server, ask, name in SLOW)


def ours(
    name: str,
    server: Server,
    provider: str,
    *,
    pack: int = 1,
    models: int = 1,
    queued: bool = False,
) -> Client:
    """Returns `midnight run` on a fresh database; if `queued`, the rows are submitted before."""

    def ask(path: Path, rows: int) -> Usage:
        with scratch() as folder:
            place = Workspace(folder, Setup(server.base_url, provider, IN_FLIGHT))
            job = write_job(folder / "job.toml", models=models, pack=pack)
            if queued:
                place.run("submit", job, path)
                used = place.run("run")
            else:
                used = place.run("run", job, path, "-o", folder / "out.csv")
            asked = server.stats()["rows"]
            assert asked == rows, f"{asked} rows were asked, not {rows}"
            return used

    return Client(name, server, ask)


@dataclass(frozen=True)
class Cost:
    """What a row costs, as medians.

    Attributes:
        rate: Rows a second of the whole process; `marginal_rate` without its start; `seen_rate`
            as the server sees it, from the first call to the last answer.
        cpu_ms: CPU a row of the whole process; `marginal_cpu_ms` without its start.
    """

    rate: float
    cpu_ms: float
    marginal_rate: float
    marginal_cpu_ms: float
    seen_rate: float


def cost(many: Sequence[Usage], one: Sequence[Usage], seen: Sequence[float], rows: int) -> Cost:
    """Returns what a row costs, from runs of many rows, what the server saw, and runs of one."""
    wall, cpu = (median([value(used) for used in many]) for value in (_wall, _cpu))
    start, start_cpu = (median([value(used) for used in one]) for value in (_wall, _cpu))
    return Cost(
        rows / wall,
        cpu / rows * 1000,
        (rows - 1) / max(wall - start, 1e-6),
        (cpu - start_cpu) / (rows - 1) * 1000,
        median(seen),
    )


def _wall(used: Usage) -> float:
    return used.wall_s


def _cpu(used: Usage) -> float:
    return used.cpu_s


def compare(title: str, clients: Sequence[Client], rows: int, rounds: int) -> None:
    """Measures the clients in turn, round after round, and prints a table."""
    taken: dict[tuple[str, int], list[Usage]] = defaultdict(list)
    seen: dict[tuple[str, int], list[float]] = defaultdict(list)
    missing: set[str] = set()
    with scratch() as folder:
        files = {count: write_rows(folder / f"{count}.csv", count) for count in (rows, 1)}
        for number in range(rounds):
            for client in clients:
                if client.name in missing or (client.is_slow and number):
                    continue
                for count, path in files.items():
                    client.server.clear()
                    if (used := client.ask(path, count)) is None:
                        missing.add(client.name)
                    else:
                        taken[client.name, count].append(used)
                        seen[client.name, count].append(client.server.rows_a_second())
    costs = {
        client.name: cost(
            taken[client.name, rows], taken[client.name, 1], seen[client.name, rows], rows
        )
        for client in clients
        if client.name not in missing
    }
    table(f"{title}; median of {rounds}", _HEAD, [_line(name, costs) for name in costs])
    for name in sorted(missing):
        skipped(name, "it is not installed; `make .venv-bench/peers` tries to")


_HEAD = (
    "client",
    "rows/s",
    "CPU ms",
    "marginal rows/s",
    "CPU ms",
    "x aiohttp",
    "x flexllm",
    "server sees rows/s",
    "x aiohttp",
    "x flexllm",
)


def _line(name: str, costs: dict[str, Cost]) -> list[str]:
    own = costs[name]

    def ratios(rate: Callable[[Cost], float]) -> list[str]:
        return [
            f"{rate(own) / rate(costs[other]):.2f}" if other in costs else "-"
            for other in ("aiohttp", "flexllm")
        ]

    return [
        name,
        f"{own.rate:,.0f}",
        f"{own.cpu_ms:.2f}",
        f"{own.marginal_rate:,.0f}",
        f"{own.marginal_cpu_ms:.2f}",
        *ratios(lambda cost: cost.marginal_rate),
        f"{own.seen_rate:,.0f}",
        *ratios(lambda cost: cost.seen_rate),
    ]


def main() -> None:
    """Measures all of it."""
    asked = arguments(__doc__, rows=5000, more_rows=20_000, rounds=3)
    with one_core(), serving() as plain, serving("--quota", QUOTA) as modelscope:
        print(f"\nthe server bears {_load(plain):,} calls/s")
        peers = [peer(name, plain) for name in ("aiohttp", "flexllm", *SLOW)]
        own = [
            ours("midnight, openai-compatible", plain, "openai-compatible"),
            ours("midnight, modelscope", modelscope, "modelscope"),
        ]
        queued = ours("midnight, queued before", plain, "openai-compatible", queued=True)
        title = "{:,} rows, one a call, {} in flight, no latency"
        everyone = [*peers, *own, queued]
        compare(title.format(asked.rows, IN_FLIGHT), everyone, asked.rows, asked.rounds)
        if asked.more_rows:
            quick = [client for client in everyone if not client.is_slow]
            longer = title.format(asked.more_rows, IN_FLIGHT)
            compare(longer, quick, asked.more_rows, max(1, asked.rounds - 2))
        packed = ours(f"midnight, packs of {PACK}", plain, "openai-compatible", pack=PACK)
        rows = max(asked.rows, asked.more_rows)
        compare(f"{rows:,} rows, packs of {PACK}", [packed], rows, asked.rounds)
        routes = [
            ours(f"midnight, {count} routes", plain, "openai-compatible", models=count)
            for count in (1, 10)
        ]
        compare(f"{asked.rows:,} rows over several routes", routes, asked.rows, asked.rounds)


def _load(server: Server) -> int:
    with scratch() as folder:
        run([peers_python() or "python3", HERE / "load.py", str(server.port)], folder)
        [log] = folder.glob("*.log")
        return int(log.read_text())


if __name__ == "__main__":
    main()
