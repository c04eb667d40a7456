"""Queueing a dataset and writing its results: rows a second and memory, beside plain sqlite3.

    python benchmarks/queueing.py [--rows 1000000] [--texts 1000]

Every step is a process of its own, at a tenth of the rows and at all of them: its memory must not
grow with the rows. The results that are exported are real; so that a million takes seconds, the
rows have few different texts, and the same text is asked once. Last, what a call costs with few
and with many rows queued.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from measuring import HERE, Usage, arguments, one_core, run, scratch, serving, table
from workspace import Setup, Workspace, write_job, write_rows

CALLS = 2000
FEW = 10_000


@dataclass(frozen=True)
class Steps:
    """What each step took, for one number of rows."""

    rows: int
    plan: Usage
    submit: Usage
    export: Usage
    plain_queue: Usage
    plain_export: Usage


def measure(folder: Path, base_url: str, rows: int, texts: int) -> Steps:
    """Takes every step with so many rows; the database with the queue stays in the folder."""
    folder.mkdir()
    source = write_rows(folder / "rows.csv", rows)
    script: list[str | Path] = [sys.executable, HERE / "plain.py"]
    plain_queue = run([*script, "queue", source, folder / "plain.db"], folder)
    plain_export = run([*script, "export", folder / "plain.db", folder / "plain.csv"], folder)
    for done in folder.glob("plain.*"):
        done.unlink()
    place = _place(folder, base_url)
    job = write_job(folder / "job.toml")
    plan, submit = place.run("plan", job, source), place.run("submit", job, source)
    source.unlink()
    export = _export(folder / "answered", base_url, rows, texts)
    return Steps(rows, plan, submit, export, plain_queue, plain_export)


def _place(folder: Path, base_url: str) -> Workspace:
    return Workspace(folder, Setup(base_url, more=f"max_calls = {CALLS}"))


def _export(folder: Path, base_url: str, rows: int, texts: int) -> Usage:
    place = Workspace(folder, Setup(base_url))
    source = write_rows(folder / "rows.csv", rows, texts=texts)
    place.run("run", write_job(folder / "job.toml"), source)
    export = place.run("export", "1", "-o", folder / "out.csv")
    with (folder / "out.csv").open(encoding="utf-8") as file:
        answered = sum(",positive," in line for line in file)
    assert answered == rows, f"{answered} of {rows} rows have an answer"
    for used in folder.iterdir():
        if used.is_file():
            used.unlink()
    return export


def calls_a_second(place: Workspace) -> tuple[float, float]:
    """Returns the calls a second on this queue, as the server sees them, and CPU ms a call."""
    with one_core(), serving() as server:
        place = _place(place.folder, server.base_url)
        used = place.run("run", "--no-wait", codes=(3,))
        rate, asked = server.rows_a_second(), server.stats()["answered"]
    assert asked == CALLS, f"{asked} calls, not {CALLS}"
    return rate, used.cpu_s / CALLS * 1000


def _print(few: Steps, many: Steps) -> None:
    def line(name: str, step: str, plain: str | None) -> list[str]:
        own, small = getattr(many, step), getattr(few, step)
        ratios = ["-", "-"]
        if plain:
            bare = getattr(many, plain)
            ratios = [f"{bare.wall_s / own.wall_s:.2f}", f"{bare.cpu_s / own.cpu_s:.2f}"]
        rates = [f"{many.rows / own.wall_s:,.0f}", f"{own.cpu_s / many.rows * 1e6:.1f}"]
        return [name, *rates, *ratios, f"{small.rss_mb:.0f} MB", f"{own.rss_mb:.0f} MB"]

    lines = [
        line("plan", "plan", None),
        line("submit", "submit", "plain_queue"),
        line("export", "export", "plain_export"),
        line("plain csv + sqlite3: queue", "plain_queue", "plain_queue"),
        line("plain csv + sqlite3: export", "plain_export", "plain_export"),
    ]
    peaks = (f"peak, {few.rows:,} rows", f"peak, {many.rows:,} rows")
    head = ("step", "rows/s", "CPU us a row", "x plain", "x plain by CPU", *peaks)
    table(f"{many.rows:,} rows of 300 bytes", head, lines)


def main() -> None:
    """Measures all of it."""
    asked = arguments(__doc__, rows=1_000_000, texts=1000)
    with scratch() as folder:
        with serving() as server:
            few = measure(folder / "few", server.base_url, asked.rows // 10, asked.texts)
            many = measure(folder / "many", server.base_url, asked.rows, asked.texts)
        _print(few, many)
        small = Workspace(folder / "small")
        source = write_rows(folder / "small.csv", FEW)
        small.run("submit", write_job(folder / "small.toml"), source)
        lines = []
        for name, place in ((FEW, small), (asked.rows, Workspace(folder / "many"))):
            rate, cpu_ms = calls_a_second(place)
            lines.append((f"{name:,} rows queued", f"{rate:,.0f}", f"{cpu_ms:.2f}"))
    table(
        f"{CALLS:,} calls of a queue", ("queue", "calls/s", "CPU ms a call, start included"), lines
    )


if __name__ == "__main__":
    main()
