"""The result file: in the format of its suffix, there whole or not at all.

It knows neither results nor queues: it is handed one row at a time, with what became of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runner.files.place import placed
from runner.files.sink import ANSWER, Layout, Sink
from runner.files.spell import RESULT_COLUMNS, Value
from runner.files.target import check_output, output_kind, translated
from runner.files.text_out import TextSink


class OutputWriter:
    """Writes the rows of one result file, in the order they are handed over."""

    def __init__(self, path: Path, sink: Sink) -> None:
        self._path = path
        self._sink = sink

    def write(self, row: str, values: Sequence[Value]) -> None:
        """Write one input row, and what is added to it.

        Args:
            row: The text of a JSON object.
            values: One for each added column, in order.

        Raises:
            OutputError: the file cannot be written, or its format cannot hold the row.
        """
        with translated(self._path):
            self._sink.write(row, values)


@contextmanager
def open_output(
    path: Path,
    columns: Sequence[str],
    added: Sequence[str] = RESULT_COLUMNS,
    *,
    vectors: bool = False,
) -> Iterator[OutputWriter]:
    """Write a result file in the format of its suffix; it appears only when the block succeeds.

    Args:
        path: Where the file is to be; one that exists is replaced and keeps its permissions.
        columns: The input's columns, in order.
        added: The columns that follow them, none of which the input has.
        vectors: Whether the answers are embeddings: JSON lists of numbers. They become lists of
            32-bit floats in Parquet, and the rows of the matrix that a .npy file holds.

    Raises:
        OutputError: the file cannot be written; what was at `path` is untouched.
    """
    check_output(path, vectors=vectors)
    layout = Layout(path, tuple(columns), tuple(added), ANSWER if vectors else None)
    with placed(path) as file:
        with translated(path):
            sink = _sink(file, layout)
        try:
            yield OutputWriter(path, sink)
            with translated(path):
                sink.finish()
        finally:
            sink.abandon()


def _sink(file: BinaryIO, layout: Layout) -> Sink:
    kind = output_kind(layout.path)
    match kind.format:
        case "parquet":
            from runner.files.parquet_out import ParquetSink  # noqa: PLC0415 - an extra

            return ParquetSink(file, layout)
        case "xlsx":
            from runner.files.excel_out import ExcelSink  # noqa: PLC0415 - an extra

            return ExcelSink(file, layout)
        case "npy":
            from runner.files.matrix_out import MatrixSink  # noqa: PLC0415 - seldom needed

            return MatrixSink(file, layout)
        case _:
            return TextSink(file, kind, layout)
