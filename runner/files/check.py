"""Reading a dataset once, from end to end, to learn whether it is whole and what is in it.

It refuses to keep a row: memory stays flat however long the file is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.broken import BrokenRows
from runner.files.csvfile import Table
from runner.files.dataset import (
    Dataset,
    Progress,
    changed,
    input_format,
    open_input,
    stamp,
    unreadable,
)
from runner.files.formats import Format, delimiter_of
from runner.files.jsonl import MAX_COLUMNS, Objects, TooManyColumnsError
from runner.files.lines import Lines

_ROWS_BETWEEN_REPORTS = 10_000
_MOST_LISTED = 30

_REMEDIES: dict[Format, str] = {
    "csv": "put quotes around cells that hold commas, quotes or line ends",
    "tsv": "put quotes around cells that hold tabs, quotes or line ends",
    "jsonl": "write one whole JSON object on each line, with every key that the prompt reads",
}


def check(
    path: Path,
    *,
    required: frozenset[str] = frozenset(),
    on_progress: Progress | None = None,
) -> Dataset:
    """Read the whole file once and say what it holds.

    Args:
        path: A file ending in .csv, .tsv or .jsonl.
        required: The columns that every row must have.
        on_progress: Told about every 10,000 rows, and at the end.

    Raises:
        InputError: the file cannot be read, has no rows, or has rows that cannot be used.
    """
    form = input_format(path)
    with open_input(path) as file:
        try:
            return _check(path, form, file, required, on_progress)
        except OSError as error:
            raise unreadable(path, error) from error


def _check(
    path: Path,
    form: Format,
    file: BinaryIO,
    required: frozenset[str],
    on_progress: Progress | None,
) -> Dataset:
    before = size, mtime_ns = stamp(file)
    lines = Lines(file, path, checked=True)
    report = on_progress or _silent
    broken = BrokenRows(path, _REMEDIES[form])
    reader = _read_objects if form == "jsonl" else _read_table
    columns, rows = reader(
        _Pass(path, form, lines, required, broken, lambda: report(lines.consumed, size))
    )
    broken.raise_if_any()
    if not rows:
        raise _useless(path, "the file has no rows")
    if stamp(file) != before:
        raise changed(path, "while it was read")
    report(size, size)
    return Dataset(path, form, columns, rows, lines.digest, size, mtime_ns)


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one reading of a file needs."""

    path: Path
    form: Format
    lines: Lines
    required: frozenset[str]
    broken: BrokenRows
    tick: Callable[[], None]


def _read_table(job: _Pass) -> tuple[tuple[str, ...], int]:
    """Return the columns of a table, and how many good rows it has."""
    table = Table(job.lines, delimiter_of(job.form))
    if table.fault:
        where = f"{job.path}:{table.line}"
        raise InputError(table.fault, where=where, remedy="mend the header")
    if not table.columns:
        raise _useless(job.path, "the file is empty")
    _require(job.path, job.required, table.columns)
    return table.columns, _count(table.checked(job.broken.add), job.tick)


def _read_objects(job: _Pass) -> tuple[tuple[str, ...], int]:
    """Return the columns of a JSON Lines file, and how many good rows it has."""
    objects = Objects(job.lines)
    try:
        rows = _count(objects.checked(job.broken.add, job.required), job.tick)
    except TooManyColumnsError as error:
        what = f"the rows have more than {MAX_COLUMNS:,} different keys"
        remedy = "put what varies into a list or an object under one key"
        raise InputError(what, where=f"{job.path}:{objects.line}", remedy=remedy) from error
    if objects.columns:
        _require(job.path, job.required, objects.columns)
    return objects.columns, rows


def _count(good: Iterator[None], tick: Callable[[], None]) -> int:
    rows = 0
    for _ in good:
        rows += 1
        if rows % _ROWS_BETWEEN_REPORTS == 0:
            tick()
    return rows


def _require(path: Path, required: frozenset[str], columns: tuple[str, ...]) -> None:
    """Refuse a file in which no row at all has a column that every row must have."""
    if not (absent := sorted(required.difference(columns))):
        return
    near = [match for name in absent for match in get_close_matches(name, columns, n=1)]
    shown = ", ".join(map(_quoted, columns[:_MOST_LISTED]))
    rest = f" and {len(columns) - _MOST_LISTED} more" if len(columns) > _MOST_LISTED else ""
    raise InputError(
        f"there is no column {', '.join(map(_quoted, absent))}; the columns are {shown}{rest}",
        where=str(path),
        remedy=f"did you mean {', '.join(map(_quoted, near))}?" if near else "add the column",
    )


def _quoted(name: str) -> str:
    return f'"{name}"'


def _useless(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), remedy="check that it is the file you mean")


def _silent(_read: int, _all: int) -> None:
    """Report to nobody."""
