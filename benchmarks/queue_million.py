"""Queue 1,000,000 rows of 300 bytes: rows per second and peak memory.

    python benchmarks/queue_million.py [ROWS]

It writes a CSV into a temporary folder, submits it as the command does (check, then queue), and
compares with what the bare sqlite3 module needs to insert the same rows.
"""

from __future__ import annotations

import csv
import resource
import sqlite3
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import anyio

from runner.app import submission
from runner.store.opening import open_database

JOB = """
[job]
name = "benchmark"
model = "Qwen/Qwen3-8B"
[prompt]
user = "Review: {{ text }}"
"""


def write_rows(path: Path, rows: int) -> None:
    """Write a CSV of `rows` rows of about 300 bytes."""
    words = "the room was clean and the staff were kind but breakfast ended early " * 4
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "hotel", "stars", "text"])
        for number in range(rows):
            table.writerow(
                [number, f"Hotel {number % 997}", number % 5 + 1, f"{number} {words[:262]}"]
            )


async def queue_all(checked: submission.Checked, db: Path) -> None:
    """Submit as `midnight submit` does."""
    async with open_database(db) as database:
        batch, _ = await submission.submit(database, checked, 0)
        assert batch.counts.ready == checked.dataset.rows


def bare_sqlite(checked: submission.Checked, db: Path) -> None:
    """The same rows through the sqlite3 module, 5,000 a transaction, into one table."""
    connection = sqlite3.connect(db, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE payloads (job_id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    rows = enumerate(checked.rows())
    while chunk := list(islice(rows, submission.CHUNK)):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO payloads VALUES (?, ?)", chunk)
        connection.execute("COMMIT")
    connection.close()


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.toml").write_text(JOB)
        write_rows(folder / "rows.csv", rows)
        begun = time.perf_counter()
        checked = submission.check_submission(folder / "job.toml", folder / "rows.csv")
        checked_at = time.perf_counter()
        anyio.run(queue_all, checked, folder / "queue.db")
        queued_at = time.perf_counter()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        bare_sqlite(checked, folder / "bare.db")
        bare = time.perf_counter() - queued_at
    whole, checking = queued_at - begun, checked_at - begun
    print(f"{rows:,} rows: checked in {checking:.1f} s, queued in {whole - checking:.1f} s")
    print(f"rate        {rows / whole:,.0f} rows/s, check included; peak memory {memory:.0f} MB")
    print(f"bare sqlite {rows / bare:,.0f} rows/s into one table; ratio {whole / bare:.2f}")


if __name__ == "__main__":
    main()
