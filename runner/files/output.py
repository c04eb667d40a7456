"""Writes a result file in the format of its suffix, atomically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runner.files.readers.encodings import begins_with_mark
from runner.files.target import (
    as_output_errors,
    atomic_write,
    check_output,
    output_type,
    unwritable_error,
)
from runner.files.writers.encode import RESULT_COLUMNS, CellValue
from runner.files.writers.sink import Layout, Sink
from runner.files.writers.text_writer import JsonListSink, TextSink


class OutputWriter:
    """Writes the rows of one result file, in the order in which they are given."""

    def __init__(self, path: Path, sink: Sink) -> None:
        self._path = path
        self._sink = sink

    def write(self, row: str, values: Sequence[CellValue]) -> None:
        """Writes one input row, followed by the values of the added columns.

        Args:
            row: The JSON text of the row.
            values: The value of each added column, in order. The sequence is kept until it is
                written, so the caller must not change it.

        Raises:
            OutputError: The file cannot be written, or its format cannot hold the row.
        """
        try:
            self._sink.write(row, values)
        except (OSError, ValueError) as error:
            raise unwritable_error(self._path, error) from error


@contextmanager
def open_output(
    path: Path,
    columns: Sequence[str],
    added: Sequence[str] = RESULT_COLUMNS,
    *,
    vectors: bool = False,
    source: Path | None = None,
    mark: bool | None = None,
) -> Iterator[OutputWriter]:
    """Opens a result file for the block to write; it appears only when the block succeeds.

    Args:
        path: The file; an existing file is replaced, and its permissions are kept.
        columns: The input's columns, in order.
        added: The added columns, whose names differ from the input's; the first is the answer.
        vectors: Whether the answers are embeddings, that is, JSON lists of numbers. They become
            lists of 32-bit floats in Parquet, and the rows of the matrix in a .npy file.
        source: The input file. If it and the output are Parquet, its column types are kept.
        mark: Whether a CSV or TSV file begins with a byte order mark; None means as in `source`.

    Raises:
        OutputError: The file cannot be written; an existing file is left unchanged.
    """
    check_output(path, vectors=vectors)
    if mark is None:
        mark = source is not None and begins_with_mark(source)
    vector = added[0] if vectors else None
    layout = Layout(path, tuple(columns), tuple(added), vector, source, mark)
    with atomic_write(path) as file:
        with as_output_errors(path):
            sink = _sink(file, layout)
        try:
            yield OutputWriter(path, sink)
            with as_output_errors(path):
                sink.finish()
        finally:
            sink.abandon()


def _sink(file: BinaryIO, layout: Layout) -> Sink:
    file_type = output_type(layout.path)
    match file_type.format:
        case "parquet":
            from runner.files.writers.parquet_writer import ParquetSink  # an extra

            return ParquetSink(file, layout)
        case "xlsx":
            from runner.files.writers.excel_writer import ExcelSink  # an extra

            return ExcelSink(file, layout)
        case "npy":
            from runner.files.writers.npy_writer import NpySink  # rarely needed

            return NpySink(file, layout)
        case "json":
            return JsonListSink(file, file_type, layout)
        case _:
            return TextSink(file, file_type, layout)
