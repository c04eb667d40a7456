"""Handing out the rows of a dataset, one JSON text at a time.

It refuses to read a file that is not as it was when it was checked.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from runner.files.compression import unpacked
from runner.files.csvfile import Table
from runner.files.dataset import Dataset, Part, changed, open_input, stamp, unreadable
from runner.files.formats import TEXTS, delimiter_of
from runner.files.jsonl import Objects
from runner.files.lines import Lines
from runner.files.tables import open_table


def read_rows(dataset: Dataset, start: int = 0) -> Iterator[str]:
    """Yield every row that is meant, from number `start` of these, counted from 0.

    A row is the text of a JSON object. That of a table has its keys in column order, and texts
    for values if the table is text itself. A JSONL row is the line, stripped and otherwise
    unchanged.

    Raises:
        InputError: a file is not what it was when it was checked, or cannot be read.
    """
    if not dataset.selection:
        return all_rows(dataset.parts, start)
    chosen = dataset.selection.choose(all_rows(dataset.parts), dataset.matched)
    return islice(chosen, start, None)


def all_rows(parts: Sequence[Part], start: int = 0) -> Iterator[str]:
    """Yield the rows of all files from number `start`; a file before that is not opened."""
    for part in parts:
        if start < part.rows:
            yield from _part_rows(part, start)
        start = max(0, start - part.rows)


def _part_rows(part: Part, start: int) -> Iterator[str]:
    with open_input(part.path) as file:
        if _stamp_differs(part, file):
            raise changed(part.path, "since it was checked")
        try:
            yield from _texts(part, file, start)
        except OSError as error:
            raise unreadable(part.path, error) from error
        except (csv.Error, ValueError) as error:  # every row was good when the file was checked
            raise changed(part.path, "while it was read") from error
        if _stamp_differs(part, file):
            raise changed(part.path, "while it was read")


def _stamp_differs(part: Part, file: BinaryIO) -> bool:
    return stamp(file) != (part.size, part.mtime_ns)


def _texts(part: Part, file: BinaryIO, start: int) -> Iterator[str]:
    form = part.kind.format
    if form not in TEXTS:
        return open_table(file, part.path, form).texts(start)
    lines = Lines(unpacked(file, part.kind.packing, part.path), part.path, checked=False)
    if form == "jsonl":
        return Objects(lines).texts(start)
    return Table(lines, delimiter_of(form)).texts(start)
