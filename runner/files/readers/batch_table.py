"""Converts batches of Arrow columns to rows; the base of the Parquet and Arrow readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from runner.errors import InputError
from runner.files.input_errors import header_error, named_columns
from runner.files.readers.arrow_values import to_values
from runner.files.readers.typed_json import to_json_text
from runner.language import _

_PERIOD = "pandas.period"
_EXTENSION = b"ARROW:extension:name"  # of a type that is known only where pandas is loaded


class BatchTable:
    """The rows of one file.

    Attributes:
        columns: The names of the columns.
        line: The number of the last row yielded, counted from 1.
        all: The number of rows; 0 when it is unknown.
        remarks: The assumptions made about the file, for the user.
    """

    all: int
    sheet: str | None = None

    def __init__(self, path: Path, noun: str) -> None:
        self._path = path
        self._noun = noun
        self.columns: tuple[str, ...] = ()
        self.remarks: tuple[str, ...] = ()
        self.line = 0

    def json_rows(self, start: int) -> Iterator[str]:
        """Yields each row from number `start` as JSON text.

        Raises:
            InputError: The file is damaged, or a value cannot be written as JSON.
        """
        self.line, batches = self._batches(start)
        skip = start - self.line
        with self._as_input_errors():
            for batch in batches:
                if skip >= batch.num_rows:
                    skip, self.line = skip - batch.num_rows, self.line + batch.num_rows
                    continue
                columns = self._values(batch.slice(skip))
                self.line, skip = self.line + skip, 0
                for values in zip(*columns, strict=True):
                    self.line += 1
                    yield to_json_text(dict(zip(self.columns, values, strict=True)))

    def _batches(self, start: int, /) -> tuple[int, Iterable[Any]]:
        """Returns the number of a row at or before `start`, and the batches from that row on."""
        raise NotImplementedError

    def _name_columns(self, schema: pa.Schema) -> None:
        """Sets the columns' names.

        Raises:
            InputError: Two names are equal, or a column holds periods of pandas, which are stored
                as numbers that mean nothing without their frequency.
        """
        for field in schema:
            if _extension_of(field) == _PERIOD:
                raise self._unreadable(field.name, _("periods of pandas"), "astype(str)")
        self.columns, remarks = named_columns(schema.names)
        self.remarks = tuple(f"{self._path.name}: {remark}" for remark in remarks)
        if fault := header_error(self.columns):
            raise InputError(fault, where=str(self._path), remedy=_("rename the columns"))

    def _unreadable(self, name: str, noun: str, call: str) -> InputError:
        what = _('the column "{name}" holds {noun}, which cannot be read').format(
            name=name, noun=noun
        )
        remedy = _("write it as text, with {call}, or leave it out").format(call=call)
        return InputError(what, where=str(self._path), remedy=remedy)

    def _values(self, batch: pa.RecordBatch) -> list[list[Any]]:
        """Returns the values of each column as Python objects.

        Raises:
            InputError: The type or a value of a column is not supported.
        """
        values = []
        for name, column in zip(self.columns, batch.columns, strict=True):
            try:
                values.append(to_values(column))
            except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
                what = _('the column "{name}" ({type}) cannot be read ({reason})').format(
                    name=name, type=column.type, reason=_brief(error)
                )
                where = _("{path}: row {line}").format(path=self._path, line=self.line + 1)
                raise InputError(what, where=where, remedy=_("leave it out of the file")) from error
        return values

    @contextmanager
    def _as_input_errors(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            what = _("this is not {noun}, or it is damaged ({reason})").format(
                noun=self._noun, reason=_brief(error)
            )
            where = (
                _("{path}: row {line}").format(path=self._path, line=self.line + 1)
                if self.line
                else str(self._path)
            )
            raise InputError(what, where=where, remedy=_("write it again")) from error


def _extension_of(field: Any) -> str:
    """Returns the name of a field's extension type; empty if it has none."""
    if isinstance(field.type, pa.BaseExtensionType):
        return str(field.type.extension_name)
    return str((field.metadata or {}).get(_EXTENSION, b""), "utf-8")


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
