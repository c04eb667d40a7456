"""How fast the dashboard and the report answer when the database is large.

    python benchmarks/pages.py [--rows 1000000] [--days 500] [--times 7]

It fills a database with a batch of so many rows, each answered by a call of its own, over so many
days; starts `midnight serve` on it twice; and loads every page. "added up" is how long the first
start takes in the background to add up calls of earlier days, which it does once.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from measuring import arguments, median, scratch, serving, table

MIDNIGHT = [sys.executable, "-m", "runner"]
CONFIG = """
[accounts.bench]
provider = "openai-compatible"
base_url = "{base}"
limits = {{ calls_per_day = 2500 }}
[providers.openai-compatible]
zone = "Asia/Shanghai"
"""
JOB = '[job]\nname = "large"\nmodel = "benchmark"\n[prompt]\nuser = "Label: {{ text }}"\n'
PAGES = {
    "now": "/",
    "batches": "/dashboard/batches",
    "a batch": "/dashboard/batches/1",
    "its failed rows": "/dashboard/batches/1?state=failed",
    "a page in its middle": "/dashboard/batches/1?after={middle}",
    "a search": "/dashboard/batches/1?text=row+number+{middle}",
    "failures": "/dashboard/batches/1/failures",
    "a row's story": "/dashboard/batches/1/rows/{middle}",
    "review": "/dashboard/batches/1/review",
    "accounts": "/dashboard/accounts",
    "calls": "/dashboard/calls",
    "submit": "/dashboard/submit",
    "clients": "/dashboard/clients",
}
# One row in a thousand has failed.
FILL = (
    "DELETE FROM jobs",
    "DELETE FROM rows",
    "DELETE FROM fingerprints",
    """CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (
         SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT i FROM n""",
    """INSERT INTO jobs (id, batch_id, state, attempts)
       SELECT i, 1, iif(i % 1000, 'succeeded', 'failed'), 1 FROM n""",
    "INSERT INTO rows SELECT i, json_object('text', 'this is row number ' || i) FROM n",
    """INSERT INTO results (job_id, call_id, answer, error, recorded_at_ms)
       SELECT i, i, iif(i % 1000, 'positive', NULL),
         iif(i % 1000, NULL, 'no valid answer in 3 replies'), :first + i * :step FROM n""",
    """INSERT INTO calls (id, batch_id, jobs_asked, runner_id, account, model, period_key,
         reserved_json, state, rows_finished, status, prompt_tokens, completion_tokens,
         reserved_at_ms, settled_at_ms)
       SELECT i, 1, i, 1, 'bench', 'benchmark',
         date((:first + i * :step) / 1000 + 8 * 3600, 'unixepoch'), '{}', 'done', 1, 200, 50, 2,
         :first + i * :step, :first + i * :step + 900 FROM n""",
    "UPDATE batches SET rows = :rows, state = 'active'",
    """UPDATE batch_counts SET rows_loaded = :rows, ready = 0, succeeded = :rows - :rows / 1000,
         failed = :rows / 1000, calls_made = :rows""",
)
_DAY_MS = 86_400_000


def fill(path: Path, rows: int, days: int) -> None:
    """Fills the batch that was submitted: rows, jobs, calls and results."""
    first = (time.time_ns() // 1_000_000 // _DAY_MS - days + 1) * _DAY_MS
    values = {"rows": rows, "first": first, "step": days * _DAY_MS // rows}
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        for statement in FILL:
            database.execute(statement, values)
        database.execute("COMMIT")


class Dashboard:
    """A server that was just started."""

    def __init__(self, port: int) -> None:
        self._port = port

    def load(self, path: str) -> float:
        """Returns how long a page took over a new connection, in ms."""
        begun = time.perf_counter()
        with closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: HTTP {answer.status}")
        return (time.perf_counter() - begun) * 1000


@contextmanager
def started(folder: Path) -> Iterator[Dashboard]:
    """Starts `midnight serve` on the database, and ends it afterwards."""
    command = [*MIDNIGHT, "--db", "queue.db", "--json", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield Dashboard(int(said["listening"].rpartition(":")[2]))
        finally:
            process.terminate()


def run(folder: Path, *words: str) -> float:
    """Runs a command; returns how long it took, in seconds."""
    begun = time.perf_counter()
    command = [*MIDNIGHT, "--db", "queue.db", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - begun


def added_up_s(folder: Path, blocks: int) -> float:
    """Returns how long a new server takes to add up the calls of all days, in seconds."""
    begun = time.perf_counter()
    with closing(sqlite3.connect(folder / "queue.db")) as database:
        while database.execute("SELECT count(*) FROM call_blocks").fetchone()[0] < blocks:
            time.sleep(0.1)
    return time.perf_counter() - begun


def main() -> None:
    """Measures, and prints a table."""
    asked = arguments(__doc__, rows=1_000_000, days=500, times=7)
    with scratch() as folder, serving() as server:
        config = CONFIG.format(base=f"http://127.0.0.1:{server.port}/v1")
        (folder / "midnight.toml").write_text(config, encoding="utf-8")
        (folder / "job.toml").write_text(JOB, encoding="utf-8")
        (folder / "rows.csv").write_text("text\none\n", encoding="utf-8")
        run(folder, "submit", "job.toml", "rows.csv")
        fill(folder / "queue.db", asked.rows, asked.days)
        with started(folder):
            first = added_up_s(folder, (asked.rows - 1) // 5_000)
        paths = {name: path.format(middle=asked.rows // 2) for name, path in PAGES.items()}
        with started(folder) as dashboard:
            cold = {name: dashboard.load(path) for name, path in paths.items()}
            again = {
                name: median([dashboard.load(path) for _ in range(asked.times)])
                for name, path in paths.items()
            }
        reports = [
            (f"report {' '.join(words)}".strip(), f"{run(folder, 'report', *words):.2f} s")
            for words in ((), ("--by", "model"), ("--html", "report.html"))
        ]
    lines = [(name, f"{cold[name]:.0f} ms", f"{again[name]:.0f} ms") for name in paths]
    title = f"Pages of {asked.rows:,} rows and calls over {asked.days} days"
    table(title, ("page", "first after a start", f"median of {asked.times}"), lines)
    table("Commands", ("what", "wall"), [("added up, once", f"{first:.1f} s"), *reports])


if __name__ == "__main__":
    main()
