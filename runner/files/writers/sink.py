"""The interface of every output format, and the columns that it is given."""

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
        source: The file of the input, whose types its columns keep, if it is a Parquet file.
        mark: Whether a table of text begins with a byte order mark.
    """

    path: Path
    columns: tuple[str, ...]
    added: tuple[str, ...]
    vector: str | None = None
    source: Path | None = None
    mark: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All columns."""
        return (*self.columns, *self.added)

    def vector_of(self, row: int, value: CellValue) -> list[float] | None:
        """Return the list of numbers in a JSON text; None when there is no answer.

        Raises:
            OutputError: The text is anything else; `row` is the row's number, as in `row_error`.
        """
        if value is None:
            return None
        with suppress(orjson.JSONDecodeError):
            found = orjson.loads(value) if isinstance(value, str) else value
            if isinstance(found, list) and all(type(item) in (int, float) for item in found):
                return found
        raise self.row_error(row, _("the answer is not a list of numbers"))

    def row_error(self, row: int, what: str) -> OutputError:
        """Return the error about row number `row`, counted from 1, that the format cannot hold."""
        return OutputError(
            _("row {row}: {what}").format(row=row, what=what),
            where=str(self.path),
            remedy=_("export to a .jsonl or .csv file"),
        )


class Sink(Protocol):
    """Writes the rows of one file in one format."""

    def write(self, row: str, values: Sequence[CellValue]) -> None:
        """Write one row's JSON text and the values of the added columns."""

    def finish(self) -> None:
        """Write what is buffered, and the end of the file."""

    def abandon(self) -> None:
        """Release every resource; the file may be incomplete, and will be deleted."""
