"""Yields the rows of a checked dataset as JSON text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import orjson

from runner.files.dataset import Dataset, SourceFile, open_input, size_and_mtime
from runner.files.formats import TEXTS
from runner.files.input_errors import changed_error, unreadable_error
from runner.files.readers.csv_reader import CsvTable
from runner.files.readers.jsonl_reader import JsonLines
from runner.files.readers.lines import Lines
from runner.files.readers.text_source import text_source
from runner.files.readers.typed_table import open_table
from runner.language import _


def read_rows(dataset: Dataset, start: int = 0) -> Iterator[str]:
    """Yields the selected rows, starting with row number `start` of the selection, from 0.

    A row of a table has its keys in column order; in a CSV or TSV file all values are texts. A row
    of JSON Lines is the line, stripped and otherwise unchanged.

    Raises:
        InputError: A file was modified since it was checked, or cannot be read.
    """
    if not dataset.selection:
        return all_rows(dataset.files, start)
    chosen = dataset.selection.choose(all_rows(dataset.files), dataset.matched)
    return islice(chosen, start, None)


def all_rows(files: Sequence[SourceFile], start: int = 0) -> Iterator[str]:
    """Yields the rows of all files from row `start`; files that end before it are not opened."""
    for file in files:
        if start < file.rows:
            yield from _rows_of(file, start)
        start = max(0, start - file.rows)


def _rows_of(file: SourceFile, start: int) -> Iterator[str]:
    with open_input(file.path) as handle:
        if _is_modified(file, handle):
            raise changed_error(file.path, _("since it was checked"))
        try:
            rows = _json_rows(file, handle, start)
            yield from _with_partition(rows, file.partition) if file.partition else rows
        except OSError as error:
            raise unreadable_error(file.path, error) from error
        except (csv.Error, ValueError) as error:  # every row was valid when the file was checked
            raise changed_error(file.path, _("while it was read")) from error
        if _is_modified(file, handle):
            raise changed_error(file.path, _("while it was read"))


def _with_partition(
    rows: Iterable[str], partition: Sequence[tuple[str, str | None]]
) -> Iterator[str]:
    """Adds the partition columns to each row."""
    more = orjson.dumps(dict(partition)).decode()[1:]
    for row in rows:
        members = row[:-1].rstrip()
        yield f"{members}{more}" if members == "{" else f"{members},{more}"


def _is_modified(file: SourceFile, handle: BinaryIO) -> bool:
    return size_and_mtime(handle) != (file.size, file.mtime_ns)


def _json_rows(file: SourceFile, handle: BinaryIO, start: int) -> Iterator[str]:
    form = file.type.format
    if form not in TEXTS:
        return open_table(handle, file.path, file.type).json_rows(start)
    source = text_source(handle, file.path, file.type)
    lines = Lines(
        source, file.path, verify=False, inner_marks=form == "jsonl", end=file.type.line_end
    )
    if form == "jsonl":
        return JsonLines(lines).json_rows(start, constants=file.type.constants)
    return CsvTable(lines, file.type.delimiter, plain=file.type.plain).json_rows(start)
