"""Reads one file of a dataset from end to end, and validates every row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.compression import decompressed
from runner.files.dataset import SourceFile, input_type, open_input, size_and_mtime
from runner.files.formats import AS_NAMED, TEXTS, FileType, Format, ReadOptions, delimiter_of
from runner.files.input_errors import (
    RowErrors,
    changed_error,
    require_columns,
    unreadable_error,
    unusable,
)
from runner.files.readers.csv_reader import CsvTable
from runner.files.readers.jsonl_reader import (
    MAX_COLUMNS,
    JsonLines,
    RowCheck,
    TooManyColumnsError,
)
from runner.files.readers.lines import Lines
from runner.files.readers.typed_table import open_table

_ROWS_BETWEEN_REPORTS = 10_000
_HASH_CHUNK = 1 << 18  # bytes

_REMEDIES: dict[Format, str] = {
    "csv": "put quotes around cells that hold commas, quotes or line ends",
    "tsv": "put quotes around cells that hold tabs, quotes or line ends",
    "jsonl": "write one whole JSON object on each line, with every key that the prompt reads",
}


@dataclass(frozen=True, slots=True)
class FileScan:
    """What one file contains.

    Attributes:
        digest: The SHA-256 of its bytes, in hex; of a compressed text file, of the decompressed
            bytes.
        remarks: What was assumed about the file, for the user.
    """

    file: SourceFile
    columns: tuple[str, ...]
    digest: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a file must satisfy.

    Attributes:
        required: The columns that every row must have.
        options: What the user says about the file's format.
        row_check: Returns what else is wrong with a row of JSON Lines, or None.
        remedy: What to do about invalid rows; None: the advice for the format.
    """

    required: frozenset[str] = frozenset()
    options: ReadOptions = AS_NAMED
    row_check: RowCheck | None = None
    remedy: str | None = None


def scan_file(path: Path, requirements: Requirements, report: Callable[[int], None]) -> FileScan:
    """Read the whole file once.

    Args:
        path: The file.
        requirements: What it must satisfy.
        report: Called from time to time with the number of bytes read so far.

    Raises:
        InputError: The file cannot be read, has no rows, or has invalid rows.
    """
    file_type = input_type(path, requirements.options)
    with open_input(path) as file:
        try:
            before = size, mtime_ns = size_and_mtime(file)
            scan = _Scan(path, file_type, file, size, requirements, report)
            columns, rows, digest, *remarks = scan.run()
            if not rows:
                raise unusable(path, "the file has no rows")
            if size_and_mtime(file) != before:
                raise changed_error(path, "while it was read")
        except OSError as error:
            raise unreadable_error(path, error) from error
    source = SourceFile(path, file_type, rows, size, mtime_ns)
    return FileScan(source, columns, digest, tuple(remarks))


_Result = tuple[tuple[str, ...], int, str, *tuple[str, ...]]
"""The columns, the number of rows, the digest, and remarks for the user."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """One reading of one file."""

    path: Path
    type: FileType
    file: BinaryIO
    size: int
    requirements: Requirements
    report: Callable[[int], None]

    def run(self) -> _Result:
        """Read the file in its format."""
        return self._scan_text() if self.type.format in TEXTS else self._scan_typed()

    def _count(self, rows: Iterable[object], bytes_read: Callable[[int], int]) -> int:
        """Exhaust `rows` and return their number; `bytes_read` maps that to bytes."""
        count = 0
        for _ in rows:
            count += 1
            if count % _ROWS_BETWEEN_REPORTS == 0:
                self.report(min(self.size, bytes_read(count)))
        return count

    def _scan_typed(self) -> _Result:
        """Read a Parquet file or a workbook; the digest is that of the file's bytes."""
        digest = self._hash()
        table = open_table(self.file, self.path, self.type)
        require_columns(self.path, self.requirements.required, table.columns)
        rows = self._count(
            table.json_rows(0), lambda rows: self.size * rows // max(table.all, rows)
        )
        return table.columns, rows, digest, *table.remarks

    def _hash(self) -> str:
        digest = hashlib.sha256()
        while chunk := self.file.read(_HASH_CHUNK):
            digest.update(chunk)
        self.file.seek(0)
        return digest.hexdigest()

    def _scan_text(self) -> _Result:
        source = decompressed(self.file, self.type.compression, self.path)
        lines = Lines(source, self.path, verify=True, inner_marks=self.type.format == "jsonl")
        errors = RowErrors(self.path, self.requirements.remedy or _REMEDIES[self.type.format])
        scan = self._scan_objects if self.type.format == "jsonl" else self._scan_table
        columns, rows = scan(lines, errors)
        errors.raise_if_any()
        return columns, rows, lines.digest

    def _scan_table(self, lines: Lines, errors: RowErrors) -> tuple[tuple[str, ...], int]:
        """Return the columns of a CSV or TSV file, and its number of valid rows."""
        table = CsvTable(lines, delimiter_of(self.type.format))
        if table.header_error:
            where = f"{self.path}:{table.line}"
            raise InputError(table.header_error, where=where, remedy="correct the header")
        if not table.columns:
            raise unusable(self.path, "the file is empty")
        require_columns(self.path, self.requirements.required, table.columns)
        return table.columns, self._count(table.validate(errors.add), self._position)

    def _scan_objects(self, lines: Lines, errors: RowErrors) -> tuple[tuple[str, ...], int]:
        """Return the columns of a JSON Lines file, and its number of valid rows."""
        objects = JsonLines(lines)
        wanted = self.requirements
        try:
            valid = objects.validate(errors.add, wanted.required, wanted.row_check)
            rows = self._count(valid, self._position)
        except TooManyColumnsError as error:
            what = f"the rows have more than {MAX_COLUMNS:,} different keys"
            remedy = "put what varies into a list or an object under one key"
            raise InputError(what, where=f"{self.path}:{objects.line}", remedy=remedy) from error
        if objects.columns:
            require_columns(self.path, wanted.required, objects.columns)
        return objects.columns, rows

    def _position(self, _rows: int) -> int:
        return self.file.tell()
