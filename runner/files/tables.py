"""Tables whose values have types, and which library reads each kind.

It loads none of them before it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from runner.errors import InputError
from runner.files.extras import needed
from runner.files.formats import Format


class TypedTable(Protocol):
    """The rows of one file.

    Attributes:
        columns: The names of the columns.
        all: How many rows there are; perhaps a guess.
    """

    columns: tuple[str, ...]
    all: int

    def texts(self, start: int) -> Iterator[str]:
        """Yield each row from number `start` as the text of a JSON object; once only."""


def open_table(file: BinaryIO, path: Path, form: Format) -> TypedTable:
    """Return the rows of an open Parquet file or Excel workbook.

    Raises:
        InputError: it is none, its header is wrong, or the library for it is not installed.
    """
    if form == "parquet":
        with needed("parquet", path, InputError):
            from runner.files.parquet_in import ParquetTable  # noqa: PLC0415 - an extra
        return ParquetTable(file, path)
    with needed("excel", path, InputError):
        from runner.files.excel_in import ExcelTable  # noqa: PLC0415 - an extra
    return ExcelTable(file, path)
