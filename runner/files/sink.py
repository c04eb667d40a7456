"""What every format of result files is handed, and what it can do.

It writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from runner.errors import OutputError
from runner.files.spell import Value

ANSWER = "answer"
"""The added column that holds embeddings, when the answers are these."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one result file.

    Attributes:
        path: Where it is to be, for messages.
        columns: The input's columns.
        added: Those that follow.
        vector: The added column whose texts are JSON lists of numbers, if there is one.
    """

    path: Path
    columns: tuple[str, ...]
    added: tuple[str, ...]
    vector: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All columns."""
        return (*self.columns, *self.added)

    def vector_of(self, row: int, value: Value) -> list[float] | None:
        """Return the list of numbers that a text says; None for no answer.

        Raises:
            OutputError: it says anything else; `row` is its number, as of `misfit`.
        """
        if value is None:
            return None
        with suppress(orjson.JSONDecodeError):
            found = orjson.loads(value) if isinstance(value, str) else value
            if isinstance(found, list) and all(type(item) in (int, float) for item in found):
                return found
        raise self.misfit(row, "the answer is no list of numbers")

    def misfit(self, row: int, what: str) -> OutputError:
        """Return the error for row number `row`, counted from 1, that the format cannot hold."""
        return OutputError(
            f"row {row}: {what}", where=str(self.path), remedy="export to a .jsonl or .csv file"
        )


class Sink(Protocol):
    """One format's way of writing rows."""

    def write(self, row: str, values: Sequence[Value]) -> None:
        """Write one row's JSON text and the values that are added to it."""

    def finish(self) -> None:
        """Write what is still held back, and the file's end."""

    def abandon(self) -> None:
        """Let go of everything; the file may be half written, and is thrown away."""
