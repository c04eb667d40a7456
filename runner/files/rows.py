"""Handing out the rows of a dataset, one JSON text at a time.

It refuses to read a file that is not as it was when it was checked.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from runner.files.csvfile import Table
from runner.files.dataset import Dataset, changed, open_input, stamp, unreadable
from runner.files.formats import delimiter_of
from runner.files.jsonl import Objects
from runner.files.lines import Lines


def read_rows(dataset: Dataset, start: int = 0) -> Iterator[str]:
    """Yield every row from number `start`, counted from 0, as the text of a JSON object.

    A table's row has its keys in column order, and texts for values. A JSONL row is the line
    itself, stripped and otherwise unchanged.

    Raises:
        InputError: the file is not what it was when it was checked, or cannot be read.
    """
    with open_input(dataset.path) as file:
        if _stamp_differs(dataset, file):
            raise changed(dataset.path, "since it was checked")
        try:
            yield from _texts(dataset, file, start)
        except OSError as error:
            raise unreadable(dataset.path, error) from error
        except (csv.Error, ValueError) as error:  # every row was good when the file was checked
            raise changed(dataset.path, "while it was read") from error
        if _stamp_differs(dataset, file):
            raise changed(dataset.path, "while it was read")


def _stamp_differs(dataset: Dataset, file: BinaryIO) -> bool:
    return stamp(file) != (dataset.size, dataset.mtime_ns)


def _texts(dataset: Dataset, file: BinaryIO, start: int) -> Iterator[str]:
    lines = Lines(file, dataset.path, checked=False)
    if dataset.format == "jsonl":
        return Objects(lines).texts(start)
    return Table(lines, delimiter_of(dataset.format)).texts(start)
