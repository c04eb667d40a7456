"""The dataset as a command line names it: files, what they are, and which rows.

It reads no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.files import Format, Selection


@dataclass(frozen=True, slots=True)
class Source:
    """Files, found, and which of their rows are meant."""

    paths: tuple[Path, ...]
    form: Format | None
    selection: Selection

    @property
    def name(self) -> str:
        """What to call it in a line."""
        more = len(self.paths) - 1
        return self.paths[0].name + (f" and {more} more" if more else "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The arguments and options that name a dataset, as they were given."""

    places: tuple[Path, ...]
    format: str | None
    where: tuple[str, ...]
    sample: str | None
    limit: int | None

    def words(self) -> list[str | Path]:
        """The arguments that name the same again."""
        named: list[tuple[str, str | None]] = [("--format", self.format)]
        named += [("--where", text) for text in self.where]
        named += [("--sample", self.sample), ("--limit", str(self.limit) if self.limit else None)]
        options = [word for name, value in named if value is not None for word in (name, value)]
        return [*self.places, *options]

    def find(self) -> Source:
        """Find the files, keep the standard input, and read the options.

        Raises:
            ConfigError: An option says nothing that is known.
            InputError: A pattern matches no file, or the standard input is empty.
        """
        from runner import files  # noqa: PLC0415 - not for --help

        if self.format is not None and self.format not in files.FORMATS:
            remedy = f"one of: {', '.join(files.FORMATS)}"
            raise ConfigError(f"{self.format!r} is no format", where="--format", remedy=remedy)
        form = cast("Format | None", self.format)
        selection = files.read_selection(self.where, self.sample, self.limit)
        return Source(files.find(self.places, form), form, selection)
