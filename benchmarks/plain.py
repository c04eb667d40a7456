"""What the standard library alone takes to queue rows, and to write them out: the measure of ours.

    python benchmarks/plain.py queue rows.csv plain.db
    python benchmarks/plain.py export plain.db out.csv

The two tables are those that any queue of rows needs: the jobs with their state, and their rows.
It checks nothing, renders no prompt, and knows no duplicates.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from itertools import islice
from pathlib import Path

_CHUNK = 5000
_SCHEMA = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, batch_id INTEGER NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, answer TEXT
);
CREATE INDEX jobs_ready ON jobs (id) WHERE state = 'ready';
CREATE TABLE payloads (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""


def queue(source: Path, database: Path) -> None:
    """Stores every row of a CSV file as a job and its payload."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_SCHEMA)
    with source.open(newline="", encoding="utf-8") as file:
        rows = enumerate(csv.DictReader(file), 1)
        while chunk := list(islice(rows, _CHUNK)):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO jobs (id, batch_id, state) VALUES (?, 1, 'ready')",
                ((number,) for number, _ in chunk),
            )
            connection.executemany(
                "INSERT INTO payloads VALUES (?, ?)",
                ((number, json.dumps(row)) for number, row in chunk),
            )
            connection.execute("COMMIT")
    connection.close()


def export(database: Path, target: Path) -> None:
    """Writes every row with its answer to a CSV file; there is none yet, so a label stands in."""
    connection = sqlite3.connect(database)
    found = connection.execute(
        "SELECT p.body, coalesce(j.answer, 'positive') FROM jobs j JOIN payloads p ON p.id = j.id "
        "WHERE j.batch_id = 1 ORDER BY j.id"
    )
    with target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        for number, (body, answer) in enumerate(found):
            row = json.loads(body)
            if number == 0:
                table.writerow([*row, "answer"])
            table.writerow([*row.values(), answer])
    connection.close()


def main() -> None:
    """Does what the first argument says."""
    step, source, target = sys.argv[1:]
    {"queue": queue, "export": export}[step](Path(source), Path(target))


if __name__ == "__main__":
    main()
