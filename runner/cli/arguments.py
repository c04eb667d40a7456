"""What a command line asks, as it names it: a job file, a dataset, and which of its rows.

It reads no more of a file than tells whether it needs a job file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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

    @classmethod
    def of(
        cls,
        places: Sequence[Path] | None,
        form: str | None,
        where: Sequence[str] | None,
        sample: str | None,
        limit: int | None,
    ) -> Wanted:
        """What Typer read: None where an argument or an option was left out."""
        return cls(tuple(places or ()), form, tuple(where or ()), sample, limit)

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
        selection = files.parse_selection(self.where, self.sample, self.limit)
        return Source(files.find_inputs(self.places, form), form, selection)


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of which rows: a job file and a dataset, or files of whole requests alone.

    Attributes:
        first: The job file, or the first file of requests.
        wanted: The dataset, or the other files of requests; and which rows.
        model: Asked instead of the one that requests name.
    """

    first: Path
    wanted: Wanted
    model: str | None = None

    def words(self) -> list[str | Path]:
        """The arguments that ask the same again."""
        model: list[str | Path] = ["--model", self.model] if self.model else []
        return [self.first, *self.wanted.words(), *model]

    def requests(self) -> Source | None:
        """Find the files of requests, made for the OpenAI Batch API; None: there is a job file.

        Raises:
            RunnerError: As `Wanted.find`.
        """
        from runner.files.openai_batch import holds_requests  # noqa: PLC0415 - not for --help

        alone = not self.wanted.places
        if self.first.suffix == ".toml" or not (alone or holds_requests(self.first)):
            return None
        source = replace(self.wanted, places=(self.first, *self.wanted.places)).find()
        return source if holds_requests(source.paths[0]) else None

    def dataset(self) -> Source:
        """Find the dataset that goes with the job file.

        Raises:
            ConfigError: None is named, or a model is, which the job file does.
            RunnerError: As `Wanted.find`.
        """
        if not self.wanted.places:
            remedy = f"midnight run {self.first} INPUT.csv -o OUT.csv"
            raise ConfigError(
                "a job file needs a dataset too", where=str(self.first), remedy=remedy
            )
        if self.model is not None:
            remedy = "name the model in the job file"
            raise ConfigError(
                "--model is for requests made for the OpenAI Batch API",
                where=str(self.first),
                remedy=remedy,
            )
        return self.wanted.find()
