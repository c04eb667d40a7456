"""Reads a dataset once from end to end, to validate it and to find its columns and its size.

No row is kept, so memory does not grow with the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from runner.errors import InputError
from runner.files.dataset import Dataset, ReadProgress
from runner.files.formats import AS_NAMED, ReadOptions
from runner.files.input_errors import NoRowsError, require_columns, unusable
from runner.files.rows import all_rows
from runner.files.scan import FileScan, Requirements, scan_file
from runner.files.selection import ALL, Selection
from runner.language import _


def check(
    paths: Path | Sequence[Path],
    *,
    required: frozenset[str] = frozenset(),
    options: ReadOptions = AS_NAMED,
    selection: Selection = ALL,
    on_progress: ReadProgress | None = None,
) -> Dataset:
    """Reads every file once and returns the dataset that they form.

    Args:
        paths: One file, or several whose rows follow each other.
        required: The columns that every row must have.
        options: The format options that the user gave.
        selection: The rows to use.
        on_progress: Called after every 10,000 rows, and at the end.

    Raises:
        InputError: A file cannot be read, has no rows, or has invalid rows; the files' columns
            differ; or the selection is empty.
    """
    return check_files(paths, Requirements(required, options), selection, on_progress)


def check_files(
    paths: Path | Sequence[Path],
    requirements: Requirements,
    selection: Selection,
    on_progress: ReadProgress | None,
) -> Dataset:
    """Does the same as `check`, with requirements of any kind."""
    paths = [paths] if isinstance(paths, Path) else paths
    report = on_progress or _ignore
    total_size, done = sum(map(_size, paths)), 0

    def report_more(read: int) -> None:
        report(done + read, total_size)

    scans: list[FileScan] = []
    empty: list[NoRowsError] = []
    for path in paths:
        try:
            scans.append(scan_file(path, requirements, report_more))
        except NoRowsError as error:  # programs that write several files leave some of them empty
            empty.append(error)
        done += _size(path)
    if not scans:
        raise empty[0]
    remarks = tuple(f"{error.where}: {error.what}" for error in empty)
    dataset = _join(scans, requirements.options, selection, remarks)
    report(done, done)
    return dataset


def _join(
    scans: Sequence[FileScan], options: ReadOptions, selection: Selection, more: tuple[str, ...]
) -> Dataset:
    """Returns the dataset that the files form; `more` are further remarks."""
    columns = _columns(scans)
    source_files = tuple(scan.file for scan in scans)
    first = source_files[0].path
    require_columns(first, (condition.column for condition in selection.where), columns)
    matched = rows = sum(file.rows for file in source_files)
    if selection.where:
        matched = sum(1 for _ in selection.matching(all_rows(source_files)))
    if selection:
        rows = selection.count(matched)
    if not rows:
        raise unusable(first, _("no row meets the conditions"))
    remarks = (*dict.fromkeys(remark for scan in scans for remark in scan.remarks), *more)
    return Dataset(
        source_files,
        columns,
        rows,
        matched,
        _digest(scans, selection),
        selection,
        _needed(options, scans),
        _reading(scans),
        remarks=remarks,
    )


def _columns(scans: Sequence[FileScan]) -> tuple[str, ...]:
    """Returns the columns of all files; tables, unlike JSON Lines, must have equal columns."""
    tables = [scan for scan in scans if scan.file.type.format != "jsonl"]
    for table in tables[1:]:
        if odd := sorted(set(tables[0].columns).symmetric_difference(table.columns)):
            names = ", ".join(f'"{name}"' for name in odd)
            what = _("its columns differ from those of {path}: only one has {names}").format(
                path=tables[0].file.path, names=names
            )
            remedy = _("give the tables the same columns, or submit them separately")
            raise InputError(what, where=str(table.file.path), remedy=remedy)
    return tuple(dict.fromkeys(name for scan in scans for name in scan.columns))


def _digest(scans: Sequence[FileScan], selection: Selection) -> str:
    if len(scans) == 1 and not selection:
        return scans[0].digest
    parts = [scan.digest.encode() for scan in scans]
    if selection:
        parts.append(selection.canonical)
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _needed(options: ReadOptions, scans: Sequence[FileScan]) -> ReadOptions:
    """Returns the options without those that change nothing, and with the name of the sheet."""
    form = options.form if any(scan.form for scan in scans) else None
    sheets = {scan.file.type.sheet for scan in scans}
    sheet = sheets.pop() if len(sheets) == 1 else options.sheet
    return replace(options, form=form, sheet=sheet)


def _reading(scans: Sequence[FileScan]) -> str:
    """Returns what identifies the rows beside the bytes; an encoding is part of their digest."""
    readings = [(scan.form, scan.file.type.sheet) for scan in scans]
    return orjson.dumps(readings).decode() if any(map(any, readings)) else ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # reported when the file is opened
        return 0


def _ignore(_read: int, _all: int) -> None:
    """Does nothing; the default progress callback."""
