"""Opens files whose values have types: Parquet files and Excel workbooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from runner.errors import InputError
from runner.files.formats import FileType, require_extra


class TypedTable(Protocol):
    """The rows of one Parquet file or workbook.

    Attributes:
        columns: The names of the columns.
        all: The number of rows; of a workbook, an estimate.
        remarks: What was assumed, for the user.
    """

    columns: tuple[str, ...]
    all: int
    remarks: tuple[str, ...]

    def json_rows(self, start: int) -> Iterator[str]:
        """Yield each row from number `start` as the text of a JSON object; may be called once."""


def open_table(file: BinaryIO, path: Path, file_type: FileType) -> TypedTable:
    """Return the rows of an open Parquet file or Excel workbook.

    Raises:
        InputError: The file is of another type, its header is invalid, or the library that reads
            it is not installed.
    """
    if file_type.format == "arrow":
        with require_extra("parquet", path, InputError):
            from runner.files.readers.arrow_reader import ArrowTable  # noqa: PLC0415 - an extra
        return ArrowTable(file, path)
    if file_type.format in {"xls", "ods"}:
        with require_extra("calamine", path, InputError):
            import python_calamine  # noqa: F401, PLC0415 - an extra

            from runner.files.readers.calamine_reader import CalamineTable  # noqa: PLC0415
        return CalamineTable(file, path, file_type.sheet)
    if file_type.format == "parquet":
        with require_extra("parquet", path, InputError):
            from runner.files.readers.parquet_reader import ParquetTable  # noqa: PLC0415 - an extra
        return ParquetTable(file, path)
    with require_extra("excel", path, InputError):
        from runner.files.readers.excel_reader import ExcelTable  # noqa: PLC0415 - an extra
    return ExcelTable(file, path, file_type.sheet)
