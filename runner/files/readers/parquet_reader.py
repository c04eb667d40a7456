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
from runner.files.readers.typed_json import to_json_text

_BATCH = 1_000
_BUFFER = 1 << 20  # of each column; without it a column's whole share of a row group is read


class ParquetTable:
    """The rows of one file.

    Attributes:
        columns: The names of the columns.
        line: The number of the last row yielded, counted from 1.
        all: The number of rows.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._path = path
        self.line = 0
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
                rows = _plain(batch.slice(skip)).to_pylist(maps_as_pydicts="lossy")
                self.line, skip = self.line + skip, 0
                for row in rows:
                    self.line += 1
                    yield to_json_text(row)

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


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Round times to microseconds, which is all that Python's own types can hold."""
    schema = pa.schema([field.with_type(_coarse(field.type)) for field in batch.schema])
    return batch if schema.equals(batch.schema) else batch.cast(schema, safe=False)


def _coarse(kind: Any) -> Any:
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if pa.types.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_coarse(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_coarse(kind.value_type)))
    return kind
