"""A database of a million rows: no page reads it from one end to the other."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Served
from tests.server.dashboard.pages import checked, submit, wait_until_done

pytestmark = pytest.mark.slow

ROWS = 1_000_000
LONGEST_S = 1.0
"""On a machine that is busy. What takes longer reads a table from one end to the other."""
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :most)"
TABLES = {
    "rows (id, body)": """SELECT :job + i, json_object(
        'text', 'the review number ' || i || ', ' || hex(randomblob(80)))""",
    "jobs (id, batch_id, state)": """SELECT :job + i, :batch,
        CASE i % 1000 WHEN 0 THEN 'failed' ELSE 'succeeded' END""",
    "results (job_id, call_id, answer, error, recorded_at_ms)": """SELECT :job + i, :job + i,
        CASE i % 1000 WHEN 0 THEN NULL ELSE 'positive' END,
        CASE i % 1000 WHEN 0 THEN 'no label in the reply' END, 1767571200000""",
    """calls (id, batch_id, jobs_asked, runner_id, account, model, period_key, reserved_json, state,
        rows_finished, status, reserved_at_ms, settled_at_ms)""": """SELECT :job + i, :batch,
        :job + i, 1, 'mine', 'Qwen/Qwen3-8B', '2026-01-05', '{}', 'done', 1, 200,
        1767571200000 + i, 1767571200900 + i""",
}
"""By a table and its columns, what is put there for each number."""


@pytest.fixture
def batch_id(served: Served, tmp_path: Path) -> int:
    """A paused batch of a million rows, each with a call; every thousandth row has failed."""
    first = submit(served, tmp_path, ["one"], name="before")
    wait_until_done(served, first.id)
    job = 1_000
    with closing(sqlite3.connect(served.database, isolation_level=None)) as made:
        made.execute("PRAGMA busy_timeout = 60000")
        made.execute("BEGIN IMMEDIATE")
        columns = [row[1] for row in made.execute("PRAGMA table_info(batches)")]
        new = {
            "id": "id + 1",
            "name": "'big'",
            "digest": "digest || 'x'",
            "state": "'paused'",
            "first_job": str(job),
            "first_row": str(job),
            "rows": str(ROWS),
        }
        chosen = ", ".join(new.get(name, f'"{name}"') for name in columns)
        made.execute(f"INSERT INTO batches SELECT {chosen} FROM batches")  # noqa: S608 - columns
        counts = (first.id + 1, ROWS, ROWS - ROWS // 1000, ROWS // 1000, ROWS)
        made.execute(
            "INSERT INTO batch_counts (batch_id, rows_loaded, succeeded, failed, calls_made)"
            " VALUES (?, ?, ?, ?, ?)",
            counts,
        )
        values = {"most": ROWS - 1, "job": job, "batch": first.id + 1}
        for table, select in TABLES.items():
            made.execute(f"INSERT INTO {table} {NUMBERS} {select} FROM n", values)
        made.execute("COMMIT")
    return first.id + 1


def test_every_page_of_a_million_rows_comes_at_once(served: Served, batch_id: int) -> None:
    batch = f"/dashboard/batches/{batch_id}"
    pages = [
        "/",
        "/dashboard/batches",
        batch,
        f"{batch}?after=999900",
        f"{batch}?state=failed",
        f"{batch}?state=failed&after=900000",
        f"{batch}?state=running",
        f"{batch}?text=nowhere",
        f"{batch}?text=nowhere&state=succeeded&after=500000",
        f"{batch}/failures",
        f"{batch}/rows/777777",
        "/dashboard/accounts",
        "/dashboard/calls",
    ]
    with served.http() as http:
        took = {page: min(_seconds(http, page) for _ in range(2)) for page in pages}
        assert "Call 778776: answered" in http.get(f"{batch}/rows/777777").text
        last = checked(http.get(f"{batch}?after=999900"))
        assert [one.text for one in last.all("a") if one.text == "999,950"]
    print(took)  # noqa: T201 - for whoever measures
    assert max(took.values()) < LONGEST_S, took


def _seconds(http: httpx.Client, path: str) -> float:
    began = time.process_time()  # the server is a thread of this process
    assert http.get(path).status_code == 200
    return time.process_time() - began
