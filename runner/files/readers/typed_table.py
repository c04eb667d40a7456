"""Opens files with typed values: Parquet, Arrow and workbooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from runner.errors import InputError
from runner.files.formats import FileType, require_extra


class TypedTable(Protocol):
    """The rows of one file with typed values.

    Attributes:
        columns: The names of the columns.
        all: The number of rows; for a workbook an estimate, for Arrow 0.
        sheet: The name of the sheet that is read, unless it would be read by default.
        remarks: The assumptions made about the file, for the user.
    """

    columns: tuple[str, ...]
    all: int
    sheet: str | None
    remarks: tuple[str, ...]

    def json_rows(self, start: int) -> Iterator[str]:
        """Yields each row from number `start` as JSON text; may be called only once."""


def open_table(file: BinaryIO, path: Path, file_type: FileType) -> TypedTable:
    """Returns the rows of an open file with typed values.

    Raises:
        InputError: The file is not of the type, its header is invalid, or the library that reads
            it is not installed.
    """
    if file_type.format == "arrow":
        with require_extra("parquet", path, InputError):
            from runner.files.readers.arrow_reader import ArrowTable  # an extra
        return ArrowTable(file, path)
    if file_type.format in {"xls", "ods"}:
        with require_extra("calamine", path, InputError):
            import python_calamine  # noqa: F401 - an extra

            from runner.files.readers.calamine_reader import CalamineTable
        return CalamineTable(file, path, file_type.sheet)
    if file_type.format == "parquet":
        with require_extra("parquet", path, InputError):
            from runner.files.readers.parquet_reader import ParquetTable  # an extra
        return ParquetTable(file, path)
    with require_extra("excel", path, InputError):
        from runner.files.readers.excel_reader import ExcelTable  # an extra
    return ExcelTable(file, path, file_type.sheet)
