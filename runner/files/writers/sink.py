"""Defines the interface of the writers of output formats, and the layout of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from runner.errors import OutputError
from runner.files.writers.encode import CellValue
from runner.language import _


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one result file.

    Attributes:
        path: The result file, for messages.
        columns: The input's columns.
        added: The columns that follow them.
        vector: The added column whose texts are JSON lists of numbers, if there is one.
        source: The input file; if it is Parquet, its column types are kept.
        mark: Whether a CSV or TSV file begins with a byte order mark.
    """

    path: Path
    columns: tuple[str, ...]
    added: tuple[str, ...]
    vector: str | None = None
    source: Path | None = None
    mark: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""
        return (*self.columns, *self.added)

    def vector_of(self, row: int, value: CellValue) -> list[float] | None:
        """Returns the list of numbers in a JSON text; None when there is no answer.

        Args:
            row: The number of the row, counted from 1.
            value: The value of the answer's column.

        Raises:
            OutputError: The text is not a JSON list of numbers.
        """
        if value is None:
            return None
        with suppress(orjson.JSONDecodeError):
            vector = orjson.loads(value) if isinstance(value, str) else value
            if isinstance(vector, list) and all(type(item) in (int, float) for item in vector):
                return vector
        raise self.row_error(row, _("the answer is not a list of numbers"))

    def row_error(self, row: int, what: str) -> OutputError:
        """Returns the error about row `row`, counted from 1, which the format cannot store."""
        return OutputError(
            _("row {row}: {what}").format(row=row, what=what),
            where=str(self.path),
            remedy=_("export to a .jsonl or .csv file"),
        )


class Sink(Protocol):
    """Writes the rows of one file in one format."""

    def write(self, row: str, values: Sequence[CellValue]) -> None:
        """Writes a row, given as JSON text, and the values of the added columns."""

    def finish(self) -> None:
        """Writes the buffered rows and the end of the file."""

    def abandon(self) -> None:
        """Releases every resource; an incomplete file is deleted by the caller."""
