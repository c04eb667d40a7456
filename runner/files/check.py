"""Reading a dataset once, from end to end, to learn whether it is whole and what is in it.

It refuses to keep a row: memory stays flat however long the files are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from runner.errors import InputError
from runner.files.checkpart import Demands, Found, check_part
from runner.files.dataset import Dataset, Progress
from runner.files.faults import require, useless
from runner.files.formats import Format
from runner.files.rows import all_rows
from runner.files.selection import ALL, Selection


def check(
    paths: Path | Sequence[Path],
    *,
    required: frozenset[str] = frozenset(),
    form: Format | None = None,
    selection: Selection = ALL,
    on_progress: Progress | None = None,
) -> Dataset:
    """Read every file once and say what they hold together.

    Args:
        paths: One file or several, whose rows follow each other.
        required: The columns that every row must have.
        form: What the files are, whatever their suffixes.
        selection: Which of the rows are meant.
        on_progress: Told about every 10,000 rows, and at the end.

    Raises:
        InputError: a file cannot be read, has no rows, or has rows that cannot be used; or the
            files do not fit together; or no row is meant.
    """
    return check_demands(paths, Demands(required, form), selection, on_progress)


def check_demands(
    paths: Path | Sequence[Path],
    demands: Demands,
    selection: Selection,
    on_progress: Progress | None,
) -> Dataset:
    """Do what `check` does, with more demands."""
    several = [paths] if isinstance(paths, Path) else list(paths)
    report = on_progress or _silent
    size, done = sum(map(_size, several)), 0

    def report_more(read: int) -> None:
        report(done + read, size)

    found: list[Found] = []
    for path in several:
        found.append(check_part(path, demands, report_more))
        done += found[-1].part.size
    dataset = _together(found, selection)
    report(done, done)
    return dataset


def _together(found: Sequence[Found], selection: Selection) -> Dataset:
    columns = _columns(found)
    parts = tuple(each.part for each in found)
    require(parts[0].path, (condition.column for condition in selection.where), columns)
    matched = rows = sum(part.rows for part in parts)
    if selection.where:
        matched = sum(1 for _ in selection.matching(all_rows(parts)))
    if selection:
        rows = selection.size(matched)
    if not rows:
        raise useless(parts[0].path, "no row fulfils the conditions")
    return Dataset(parts, columns, rows, matched, _digest(found, selection), selection)


def _columns(found: Sequence[Found]) -> tuple[str, ...]:
    """Return the columns of all files; the tables among them must have the same ones."""
    tables = [each for each in found if each.part.kind.format != "jsonl"]
    for each in tables[1:]:
        if odd := sorted(set(tables[0].columns).symmetric_difference(each.columns)):
            names = ", ".join(f'"{name}"' for name in odd)
            what = f"{tables[0].part.path} has other columns; one of them alone has {names}"
            remedy = "give the tables the same columns, or submit them apart"
            raise InputError(what, where=str(each.part.path), remedy=remedy)
    return tuple(dict.fromkeys(name for each in found for name in each.columns))


def _digest(found: Sequence[Found], selection: Selection) -> str:
    if len(found) == 1 and not selection:
        return found[0].digest
    marks = [each.digest.encode() for each in found] + ([selection.spelled] if selection else [])
    return hashlib.sha256(b"\n".join(marks)).hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # it is told when the file is opened
        return 0


def _silent(_read: int, _all: int) -> None:
    """Report to nobody."""
