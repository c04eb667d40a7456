"""The page about the tables of the database, from runner/store/*tables.py and their comments."""

from __future__ import annotations

import inspect
import re

from markdown import code, table

from runner.store import api_tables, tables, total_tables
from runner.store.columns import metadata

_INTRO = """\
The database is one SQLite file; `midnight db path` names it. Read it as you like, for example
with `sqlite3 -readonly`. Only the program may write to it. The tables may change with a new
version; `midnight report --json` and `midnight export` stay as they are.
"""

# Tables in the order in which somebody with questions needs them.
_SOURCE = "".join(inspect.getsource(module) for module in (tables, api_tables, total_tables))
_FIRST = ("calls", "batches", "batch_counts", "jobs", "rows", "results", "windows", "balances")


def database() -> str:
    """Returns the page about the database."""
    names = sorted(metadata.tables, key=lambda name: (_rank(name), name))
    intro = (inspect.getdoc(tables) or "").partition("\n\n")[2]
    return "\n".join(
        [
            "# The database\n",
            _INTRO + "\n",
            intro.replace("``", "`") + "\n",
            *(_section(name) for name in names),
        ]
    )


def _rank(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _section(name: str) -> str:
    rows = [
        (
            code(column.name),
            str(column.type).lower(),
            "" if column.nullable else "yes",
            _comment(name, column.name),
        )
        for column in metadata.tables[name].columns
    ]
    return f"## {code(name)}\n\n" + table(["column", "type", "not null", "about"], rows)


def _comment(name: str, column: str) -> str:
    """Returns the comment beside a column, or on the lines above it."""
    source = _SOURCE.partition(f'Table(\n    "{name}",')[2].partition("\n)\n")[0]
    above = r"(?P<above>(?:^ +# .+\n)*)"
    beside = r"[^#\n]*(?:# (?P<beside>.+))?"
    made = rf'{above}^ +(?:Column|count_column)\("{column}"{beside}'
    found = re.search(made, source, re.MULTILINE)
    if found is None:
        return ""
    lines = [line.strip(" #") for line in found["above"].splitlines()]
    return (found["beside"] or " ".join(lines)).replace("`", "")
