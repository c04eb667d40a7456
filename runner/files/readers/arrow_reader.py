"""Reads an Arrow file (also called Feather) or a stored Arrow stream, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc

from runner.errors import InputError
from runner.files.readers.batch_table import BatchTable
from runner.language import _

_MAGIC = b"ARROW1"
_FIRST_FEATHER = b"FEA1"
_ROWS = 1_000


class ArrowTable(BatchTable):
    """The rows of one Arrow file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(path, _("an Arrow file"))
        magic = file.read(len(_MAGIC))
        file.seek(0)
        if magic.startswith(_FIRST_FEATHER):
            what = _("this is the first version of Feather, which is no longer read")
            remedy = _("write it again in version 2, or as .parquet")
            raise InputError(what, where=str(path), remedy=remedy)
        is_file = magic == _MAGIC
        with self._as_input_errors():
            source: Any = file
            self._reader: Any = ipc.open_file(source) if is_file else ipc.open_stream(source)
        self.all = 0  # unknown before all batches are read
        self._is_file = is_file
        self._name_columns(self._reader.schema)

    def _batches(self, _start: int, /) -> tuple[int, Iterable[Any]]:
        return 0, self._each()

    def _each(self) -> Iterator[pa.RecordBatch]:
        batches: Iterable[pa.RecordBatch] = (
            map(self._reader.get_batch, range(self._reader.num_record_batches))
            if self._is_file
            else self._reader
        )
        for batch in batches:
            for at in range(0, batch.num_rows, _ROWS):
                yield batch.slice(at, _ROWS)
