"""Reading one file of a dataset from end to end.

It refuses to know of other files, and of which rows are meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.broken import BrokenRows
from runner.files.compression import unpacked
from runner.files.csvfile import Table
from runner.files.dataset import Part, changed, input_kind, open_input, stamp, unreadable
from runner.files.faults import require, useless
from runner.files.formats import TEXTS, Format, Kind, delimiter_of
from runner.files.jsonl import MAX_COLUMNS, Inspect, Objects, TooManyColumnsError
from runner.files.lines import Lines
from runner.files.tables import open_table

_ROWS_BETWEEN_REPORTS = 10_000
_HASHED_AT_ONCE = 1 << 18

_REMEDIES: dict[Format, str] = {
    "csv": "put quotes around cells that hold commas, quotes or line ends",
    "tsv": "put quotes around cells that hold tabs, quotes or line ends",
    "jsonl": "write one whole JSON object on each line, with every key that the prompt reads",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What one file holds.

    Attributes:
        digest: The SHA-256 of its bytes, in hex; of what they unfold to, if they are packed.
    """

    part: Part
    columns: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of a file.

    Attributes:
        required: The columns that every row must have.
        form: What the file is, whatever its suffixes; None: as they say.
        inspect: Says what else is wrong with a row of JSON Lines.
        remedy: What to do about rows that cannot be used; None: what the format asks.
    """

    required: frozenset[str] = frozenset()
    form: Format | None = None
    inspect: Inspect | None = None
    remedy: str | None = None


def check_part(path: Path, demands: Demands, report: Callable[[int], None]) -> Found:
    """Read the whole file once; `report` hears now and then how many of its bytes were read.

    Raises:
        InputError: the file cannot be read, has no rows, or has rows that cannot be used.
    """
    kind = input_kind(path, demands.form)
    with open_input(path) as file:
        try:
            before = size, mtime_ns = stamp(file)
            job = _Pass(path, kind, file, size, demands, report)
            columns, rows, digest = _read_text(job) if kind.format in TEXTS else _read_typed(job)
            if not rows:
                raise useless(path, "the file has no rows")
            if stamp(file) != before:
                raise changed(path, "while it was read")
        except OSError as error:
            raise unreadable(path, error) from error
    return Found(Part(path, kind, rows, size, mtime_ns), columns, digest)


Read = tuple[tuple[str, ...], int, str]
"""The columns, how many rows, and the digest."""


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one reading of a file needs."""

    path: Path
    kind: Kind
    file: BinaryIO
    size: int
    demands: Demands
    report: Callable[[int], None]

    def count(self, good: Iterable[object], read: Callable[[int], int]) -> int:
        """Count rows; `read` tells from their number how many bytes have been read."""
        rows = 0
        for _ in good:
            rows += 1
            if rows % _ROWS_BETWEEN_REPORTS == 0:
                self.report(min(self.size, read(rows)))
        return rows


def _read_typed(job: _Pass) -> Read:
    """Read a table whose values have types; the hash is of the file's bytes."""
    digest = _hash(job.file)
    table = open_table(job.file, job.path, job.kind.format)
    require(job.path, job.demands.required, table.columns)
    rows = job.count(table.texts(0), lambda rows: job.size * rows // max(table.all, rows))
    return table.columns, rows, digest


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_HASHED_AT_ONCE):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _read_text(job: _Pass) -> Read:
    lines = Lines(unpacked(job.file, job.kind.packing, job.path), job.path, checked=True)
    broken = BrokenRows(job.path, job.demands.remedy or _REMEDIES[job.kind.format])
    reader = _read_objects if job.kind.format == "jsonl" else _read_table
    columns, rows = reader(job, lines, broken)
    broken.raise_if_any()
    return columns, rows, lines.digest


def _read_table(job: _Pass, lines: Lines, broken: BrokenRows) -> tuple[tuple[str, ...], int]:
    """Return the columns of a table of text, and how many good rows it has."""
    table = Table(lines, delimiter_of(job.kind.format))
    if table.fault:
        where = f"{job.path}:{table.line}"
        raise InputError(table.fault, where=where, remedy="mend the header")
    if not table.columns:
        raise useless(job.path, "the file is empty")
    require(job.path, job.demands.required, table.columns)
    return table.columns, job.count(table.checked(broken.add), lambda _: job.file.tell())


def _read_objects(job: _Pass, lines: Lines, broken: BrokenRows) -> tuple[tuple[str, ...], int]:
    """Return the columns of a JSON Lines file, and how many good rows it has."""
    objects = Objects(lines)
    try:
        good = objects.checked(broken.add, job.demands.required, job.demands.inspect)
        rows = job.count(good, lambda _: job.file.tell())
    except TooManyColumnsError as error:
        what = f"the rows have more than {MAX_COLUMNS:,} different keys"
        remedy = "put what varies into a list or an object under one key"
        raise InputError(what, where=f"{job.path}:{objects.line}", remedy=remedy) from error
    if objects.columns:
        require(job.path, job.demands.required, objects.columns)
    return objects.columns, rows
