"""Reads a Parquet file a thousand rows at a time.

No row group is held in memory as a whole, however large it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from runner.errors import InputError
from runner.files.input_errors import header_error
from runner.files.readers.arrow_values import to_values
from runner.files.readers.typed_json import to_json_text

_BATCH = 1_000
_BUFFER = 1 << 20  # of each column; without it a column's whole share of a row group is read


class ParquetTable:
    """The rows of one file.

    Attributes:
        columns: The names of the columns.
        line: The number of the last row yielded, counted from 1.
        all: The number of rows.
        remarks: Nothing is assumed.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._path = path
        self.line = 0
        self.remarks: tuple[str, ...] = ()
        with self._as_input_errors():
            self._file = parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
            self.columns = tuple(self._file.schema_arrow.names)
        self.all = self._file.metadata.num_rows
        if fault := header_error(self.columns):
            remedy = "rename the columns"
            raise InputError(fault, where=str(path), remedy=remedy)

    def json_rows(self, start: int) -> Iterator[str]:
        """Yield each row from number `start` as the text of a JSON object.

        Raises:
            InputError: The file is damaged, or a value has no form in JSON.
        """
        groups, self.line = self._groups_from(start)
        skip = start - self.line
        with self._as_input_errors():
            for batch in self._file.iter_batches(_BATCH, row_groups=groups, use_threads=False):
                if skip >= batch.num_rows:
                    skip, self.line = skip - batch.num_rows, self.line + batch.num_rows
                    continue
                columns = self._values(batch.slice(skip))
                self.line, skip = self.line + skip, 0
                for values in zip(*columns, strict=True):
                    self.line += 1
                    yield to_json_text(dict(zip(self.columns, values, strict=True)))

    def _values(self, batch: pa.RecordBatch) -> list[list[Any]]:
        """Return the values of each column as Python has them.

        Raises:
            InputError: A column has values that nothing here can read.
        """
        found = []
        for name, column in zip(self.columns, batch.columns, strict=True):
            try:
                found.append(to_values(column))
            except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
                what = f'the column "{name}" ({column.type}) cannot be read ({_brief(error)})'
                where = f"{self._path}: row {self.line + 1}"
                raise InputError(what, where=where, remedy="leave it out of the file") from error
        return found

    def _groups_from(self, start: int) -> tuple[list[int], int]:
        """Return the row groups that hold row `start` and those behind it, and its first row."""
        meta, first = self._file.metadata, 0
        for group in range(meta.num_row_groups):
            count = meta.row_group(group).num_rows
            if start < first + count:
                return list(range(group, meta.num_row_groups)), first
            first += count
        return [], first

    @contextmanager
    def _as_input_errors(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            what = f"this is not a Parquet file, or it is damaged ({_brief(error)})"
            where = f"{self._path}: row {self.line + 1}" if self.line else str(self._path)
            raise InputError(what, where=where, remedy="write it again") from error


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
