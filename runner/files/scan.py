"""Reads one file of a dataset from end to end, and validates every row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from orjson import dumps

from runner.errors import InputError
from runner.files.compression import decompressed
from runner.files.dataset import (
    SourceFile,
    format_of_name,
    input_type,
    open_input,
    partition_of,
    size_and_mtime,
)
from runner.files.formats import (
    AS_NAMED,
    TEXTS,
    FileType,
    Format,
    ReadOptions,
)
from runner.files.input_errors import (
    RowErrors,
    changed_error,
    require_columns,
    unreadable_error,
    unusable,
)
from runner.files.misnamed import HEAD, what_it_is
from runner.files.readers.csv_reader import (
    CsvTable,
    ends_with_returns,
    has_plain_quotes,
    other_separator,
)
from runner.files.readers.encodings import CHINESE, is_chinese, marked
from runner.files.readers.jsonl_reader import (
    MAX_COLUMNS,
    JsonLines,
    RowCheck,
    TooManyColumnsError,
    is_object,
)
from runner.files.readers.lines import Lines, NotUtf8Error
from runner.files.readers.text_source import decoded_source, text_source
from runner.files.readers.typed_table import open_table
from runner.language import _, gettext_noop

_ROWS_BETWEEN_REPORTS = 10_000
_HASH_CHUNK = 1 << 18  # bytes
_HEAD = 1 << 12  # bytes in which UTF-16 and UTF-32 are detected
_SAMPLE = 1 << 16  # bytes from which a multi-byte encoding is guessed

_SEPARATORS = {
    ";": gettext_noop("semicolons"),
    "\t": gettext_noop("tabs"),
    "|": gettext_noop("vertical bars"),
}
_ROW_NAMES = gettext_noop(
    "give every cell a name in the header; R writes one for row names with col.names = NA"
)
_REMEDIES: dict[Format, str] = {
    "csv": gettext_noop("put quotes around cells that hold commas, quotes or line ends"),
    "tsv": gettext_noop(
        "give every row as many cells as the header; a cell holds no tab and no line end"
    ),
    "jsonl": gettext_noop(
        "write one whole JSON object on each line, with every key that the prompt reads"
    ),
}


@dataclass(frozen=True, slots=True)
class FileScan:
    """The contents of one file.

    Attributes:
        digest: The SHA-256, in hex, of the file's bytes; for a compressed text file, of its
            decompressed bytes.
        form: The format that the user named, if the file's name does not imply it.
        remarks: The assumptions made about the file, for the user.
    """

    file: SourceFile
    columns: tuple[str, ...]
    digest: str
    form: Format | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirements:
    """The requirements for a file.

    Attributes:
        required: The columns that every row must have.
        options: The format options that the user gave.
        row_check: Returns another error in a row of JSON Lines, or None.
        begin: Called with the path before the first row is checked, and again if the file is read
            again in another encoding.
        remedy: The advice about invalid rows; None means the advice for the format.
    """

    required: frozenset[str] = frozenset()
    options: ReadOptions = AS_NAMED
    row_check: RowCheck | None = None
    begin: Callable[[Path], object] = lambda _path: None
    remedy: str | None = None


def scan_file(path: Path, requirements: Requirements, report: Callable[[int], None]) -> FileScan:
    """Reads the whole file once.

    Args:
        path: The file.
        requirements: The requirements that it must meet.
        report: Called at intervals with the number of bytes read so far.

    Raises:
        InputError: The file cannot be read, has no rows, or has invalid rows.
    """
    file_type = input_type(path, requirements.options)
    partition = partition_of(path)
    required = requirements.required - {name for name, _ in partition}
    requirements = replace(requirements, required=required)
    with open_input(path) as file:
        try:
            before = size, mtime_ns = size_and_mtime(file)
            scan = _Scan(path, file_type, file, size, requirements, report)
            columns, rows, digest = scan.run()
            if not rows:
                raise unusable(path, _("the file has no rows"))
            if size_and_mtime(file) != before:
                raise changed_error(path, _("while it was read"))
        except OSError as error:
            raise unreadable_error(path, error) from error
    added = tuple(pair for pair in partition if pair[0] not in columns)
    source = SourceFile(path, scan.type, rows, size, mtime_ns, added)
    if added:
        remark = _("{name}: columns are taken from the names of its folders: {columns}").format(
            name=path.name, columns=", ".join(name for name, _value in added)
        )
        scan.remarks.append(remark)
        columns = (*columns, *(name for name, _ in added))
        digest = hashlib.sha256(f"{digest}{added}".encode()).hexdigest()
    named = requirements.options.form
    form = named if named is not None and named != format_of_name(path) else None
    return FileScan(source, columns, digest, form, tuple(scan.remarks))


_Result = tuple[tuple[str, ...], int, str]
"""The columns, the number of rows, and the digest."""


@dataclass(slots=True)
class _Scan:
    """One pass over one file.

    Attributes:
        type: The type of the file; encoding, quoting, delimiter and sheet are found in the scan.
        remarks: The assumptions made about the file, for the user.
    """

    path: Path
    type: FileType
    file: BinaryIO
    size: int
    requirements: Requirements
    report: Callable[[int], None]
    remarks: list[str] = field(default_factory=list)

    def run(self) -> _Result:
        """Reads the file in its format."""
        return self._scan_text() if self.type.format in TEXTS else self._scan_typed()

    def _count(self, rows: Iterable[object], bytes_read: Callable[[int], int]) -> int:
        """Exhausts `rows` and returns their number; `bytes_read` maps that to bytes read."""
        count = 0
        for _row in rows:
            count += 1
            if count % _ROWS_BETWEEN_REPORTS == 0:
                self.report(min(self.size, bytes_read(count)))
        return count

    def _scan_typed(self) -> _Result:
        """Reads a Parquet file, an Arrow file or a workbook; the digest covers the file's bytes."""
        digest = self._hash()
        table = open_table(self.file, self.path, self.type)
        require_columns(self.path, self.requirements.required, table.columns)
        rows = self._count(
            table.json_rows(0), lambda rows: self.size * rows // max(table.all, rows)
        )
        self.remarks += table.remarks
        self.type = replace(self.type, sheet=table.sheet)
        return table.columns, rows, digest

    def _hash(self) -> str:
        digest = hashlib.sha256()
        while chunk := self.file.read(_HASH_CHUNK):
            digest.update(chunk)
        self.file.seek(0)
        return digest.hexdigest()

    def _scan_text(self) -> _Result:
        self.type = replace(self.type, sheet=None)
        self._refuse_misnamed()
        if self.type.encoding is None and (encoding := marked(self._head())):
            self._assume(encoding)
        try:
            return self._scan_utf8()
        except NotUtf8Error:
            if self.type.encoding is not None or not is_chinese(self._sample()):
                raise
            self._assume(CHINESE)
            return self._scan_utf8()

    def _scan_utf8(self) -> _Result:
        self.requirements.begin(self.path)
        self._detect_line_ends()
        if self.type.format == "tsv":
            self.type = replace(self.type, plain=has_plain_quotes(self._lines()))
        if self.type.format == "csv":
            self._detect_separator()
        lines = self._lines()
        errors = RowErrors(self.path, self.requirements.remedy or _(_REMEDIES[self.type.format]))
        scan = self._scan_objects if self.type.format == "jsonl" else self._scan_table
        columns, rows = scan(lines, errors)
        errors.raise_if_any()
        return columns, rows, lines.digest

    def _detect_separator(self) -> None:
        separator = other_separator(self._lines(), self.requirements.required)
        if separator is not None:
            self.type = replace(self.type, separator=separator)
            remark = _("{name}: read with {separators} between the cells").format(
                name=self.path.name, separators=_(_SEPARATORS[separator])
            )
            self.remarks.append(remark)

    def _detect_line_ends(self) -> None:
        self.file.seek(0)
        head = decoded_source(self.file, self.path, self.type).read(_SAMPLE)
        is_rows = self.type.format != "jsonl" or is_object(head.partition(b"\r")[0])
        if is_rows and ends_with_returns(head):
            self.type = replace(self.type, line_end=b"\r")
            remark = _("{name}: read with carriage returns as line ends")
            self.remarks.append(remark.format(name=self.path.name))

    def _lines(self) -> Lines:
        self.file.seek(0)
        source = text_source(self.file, self.path, self.type, self.remarks.append)
        is_json, end = self.type.format == "jsonl", self.type.line_end
        return Lines(source, self.path, verify=True, inner_marks=is_json, end=end)

    def _refuse_misnamed(self) -> None:
        """Refuses a file that is known not to be the text that its suffix names."""
        head = self.file.read(HEAD) if self.type.compression is None else b""
        if (found := what_it_is(head, self.type.format)) is not None:
            noun, remedy = found
            what = _("the file is {found}").format(found=noun)
            raise InputError(what, where=str(self.path), remedy=remedy)

    def _head(self) -> bytes:
        self.file.seek(0)
        return decompressed(self.file, self.type.compression, self.path).read(_HEAD)[:_HEAD]

    def _sample(self) -> bytes:
        """Returns some of the lines that are not ASCII."""
        self.file.seek(0)
        source = decompressed(self.file, self.type.compression, self.path)
        sample = b""
        while len(sample) < _SAMPLE and (chunk := source.read(_HASH_CHUNK)):
            sample += b"\n".join(line for line in chunk.split(b"\n")[:-1] if not line.isascii())
            sample += chunk.rpartition(b"\n")[2] if len(chunk) < _HASH_CHUNK else b""
        return sample

    def _assume(self, encoding: str) -> None:
        self.type = replace(self.type, encoding=encoding)
        self.remarks.append(
            _("{name}: read as {encoding}; --encoding names another").format(
                name=self.path.name, encoding=encoding
            )
        )

    def _scan_table(self, lines: Lines, errors: RowErrors) -> tuple[tuple[str, ...], int]:
        """Returns the columns of a CSV or TSV file, and its number of valid rows."""
        table = CsvTable(lines, self.type.delimiter, plain=self.type.plain)
        if table.header_error:
            where = f"{self.path}:{table.line}"
            remedy = table.header_remedy
            raise InputError(table.header_error, where=where, remedy=remedy)
        if not table.columns:
            raise unusable(self.path, _("the file is empty"))
        self.remarks += [f"{self.path.name}: {remark}" for remark in table.remarks]
        require_columns(self.path, self.requirements.required, table.columns)
        rows = self._count(table.validate(errors.add), self._position)
        self._remark_on_rows(table)
        if not rows and table.has_row_names:
            errors.remedy = _(_ROW_NAMES)
        return table.columns, rows

    def _remark_on_rows(self, table: CsvTable) -> None:
        if table.has_database_nulls:
            remark = _(
                r"{name}: cells hold \N, which databases write for null, and are read as that text"
            )
            self.remarks.append(remark.format(name=self.path.name))
        if line := table.repeated_header:
            remark = _("{name}: the header stands again on line {line}, and is read as a row")
            self.remarks.append(remark.format(name=self.path.name, line=line))

    def _scan_objects(self, lines: Lines, errors: RowErrors) -> tuple[tuple[str, ...], int]:
        """Returns the columns of a JSON Lines file, and its number of valid rows."""
        objects = JsonLines(lines)
        required = self.requirements.required
        row_check = self.requirements.row_check
        try:
            valid = objects.validate(errors.add, required, row_check)
            rows = self._count(valid, self._position)
        except TooManyColumnsError as error:
            what = _("the rows have more than {most:,} different keys").format(most=MAX_COLUMNS)
            remedy = _("put what varies into a list or an object under one key")
            raise InputError(what, where=f"{self.path}:{objects.line}", remedy=remedy) from error
        if objects.has_constants:
            self.type = replace(self.type, constants=True)
            remark = _('{name}: NaN is read as null, and an infinity as the text "Infinity"')
            self.remarks.append(remark.format(name=self.path.name))
        if objects.columns and row_check is None:
            advice = None if rows or objects.wrapper is None else self._unwrap(objects.wrapper)
            require_columns(self.path, required, objects.columns, advice)
        return objects.columns, rows

    def _unwrap(self, key: str) -> str:
        return _("take the rows out of the list, as in: {command}").format(
            command=f"jq -c '.[{dumps(key).decode()}][]' {self.path.name}"
        )

    def _position(self, _rows: int) -> int:
        return self.file.tell()
