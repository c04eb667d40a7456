"""Databases that earlier releases have left, and SQLite files as another program sees them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

Records = dict[str, list[dict[str, Any]]]


@contextmanager
def raw(path: Path, **options: Any) -> Iterator[sqlite3.Connection]:
    """A connection that is none of ours, as another program would have it."""
    with closing(sqlite3.connect(path, isolation_level=None, **options)) as connection:
        yield connection


def rows(path: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with raw(path) as connection:
        return connection.execute(query, values).fetchall()


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    tables = rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: rows(path, f"SELECT * FROM {name}") for (name,) in tables}  # noqa: S608


def records(path: Path) -> Records:
    """Every row of every table, by column: their order in a table has no meaning."""
    with raw(path) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608
            for (name,) in tables.fetchall()
        }


def make_release(path: Path, revision: str) -> None:
    """Make the database that a release with this revision left when it was killed.

    "0001" has rows ready, waiting, running, answered and failed, and a second batch of which three
    rows of eight are loaded. The simulator was asked, which has 45 calls a day.

    "0002" has all of these, and besides votes and a check of packed rows, rows that ask the same,
    answers reused of another batch, invalid replies, a batch that was stopped, image tasks, and
    balances. The simulator was asked, which grants 18 credits a day.
    """
    name = {"0001": "first_release.sql", "0002": "second_release.sql"}[revision]
    with raw(path) as connection:
        connection.executescript(Path(__file__).with_name(name).read_text())
        connection.execute("PRAGMA journal_mode = WAL")


def schema(path: Path) -> dict[str, list[str]]:
    """Statements by name, a table's as sorted clauses: their order in it has no meaning."""
    found = rows(path, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    plain = [(kind, name, " ".join(sql.replace('"', "").split())) for kind, name, sql in found]
    return {name: sorted(_clauses(sql)) if kind == "table" else [sql] for kind, name, sql in plain}


def _clauses(table: str) -> Iterator[str]:
    body = table.partition("(")[2].rpartition(")")[0]
    clause, depth = "", 0
    for letter in f"{body},":
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield clause.strip()
            clause = ""
        else:
            clause += letter
