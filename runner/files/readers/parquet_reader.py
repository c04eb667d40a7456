"""Reads a Parquet file some hundred rows at a time.

No row group is held in memory as a whole, however large it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from pyarrow import parquet

from runner.files.readers.batch_table import BatchTable
from runner.language import _

_BATCH = 1_000
_BUFFER = 1 << 20  # of each column; without it a column's whole share of a row group is read


class ParquetTable(BatchTable):
    """The rows of one Parquet file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(path, _("a Parquet file"))
        with self._as_input_errors():
            self._file = parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
            names = self._file.schema_arrow.names
        self.all = self._file.metadata.num_rows
        self._name_columns(names)

    def _batches(self, start: int, /) -> tuple[int, Iterable[Any]]:
        """Skip the row groups before that of row `start`."""
        meta, first, group = self._file.metadata, 0, 0
        while group < meta.num_row_groups and start >= first + meta.row_group(group).num_rows:
            first += meta.row_group(group).num_rows
            group += 1
        groups = list(range(group, meta.num_row_groups))
        return first, self._file.iter_batches(_BATCH, row_groups=groups, use_threads=False)
