"""Reads a Parquet file in small batches, without loading a whole row group into memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from pyarrow import parquet

from runner.files.readers.batch_table import BatchTable
from runner.language import _

_BATCH = 1_000
_BUFFER = 1 << 20  # bytes per column; without it a whole column chunk is read at once


class ParquetTable(BatchTable):
    """The rows of one Parquet file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(path, _("a Parquet file"))
        with self._as_input_errors():
            self._file = parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        self.all = self._file.metadata.num_rows
        self._name_columns(self._file.schema_arrow)
        for column in map(self._file.schema.column, range(len(self._file.schema))):
            if column.converted_type == "INTERVAL":  # Arrow reads it as bytes
                raise self._unreadable(column.path, _("intervals"), "CAST(… AS VARCHAR)")

    def _batches(self, start: int, /) -> tuple[int, Iterable[Any]]:
        """Skips the row groups before the one that contains row `start`."""
        meta, first, group = self._file.metadata, 0, 0
        while group < meta.num_row_groups and start >= first + meta.row_group(group).num_rows:
            first += meta.row_group(group).num_rows
            group += 1
        groups = list(range(group, meta.num_row_groups))
        return first, self._file.iter_batches(_BATCH, row_groups=groups, use_threads=False)
