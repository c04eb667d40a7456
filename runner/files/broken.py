"""The rows of a dataset that cannot be used, told together.

It refuses to know what is wrong with a row: it keeps the first few complaints and counts the rest.
"""

from __future__ import annotations

from pathlib import Path

from runner.errors import InputError

_MOST_TOLD = 20


class BrokenRows:
    """Collects complaints while a file is read to its end."""

    def __init__(self, path: Path, remedy: str) -> None:
        self._path = path
        self._remedy = remedy
        self._told: list[tuple[int, str]] = []
        self._count = 0

    def add(self, line: int, what: str) -> None:
        """Note that the row which begins at `line` cannot be used."""
        self._count += 1
        if len(self._told) < _MOST_TOLD:
            self._told.append((line, what))

    def raise_if_any(self) -> None:
        """Raise what was noted.

        Raises:
            InputError: at least one row cannot be used.
        """
        if self._told:
            raise InputError(self._what(), where=self._where(), remedy=self._remedy)

    def _where(self) -> str:
        return f"{self._path}:{self._told[0][0]}"

    def _what(self) -> str:
        if self._count == 1:
            return self._told[0][1]
        told = "".join(f"\n  line {line}: {what}" for line, what in self._told)
        more = self._count - len(self._told)
        return f"{self._count} rows cannot be used:{told}" + (
            f"\n  and {more} more" if more else ""
        )
