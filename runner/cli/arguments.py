"""The arguments that name a job file, a dataset, and a selection of rows.

A file is read only as far as necessary to tell whether it needs a job file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner import invocation
from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    from runner.files.input_source import InputSource


@dataclass(frozen=True, slots=True)
class DatasetArguments:
    """The arguments and options that name a dataset, as given."""

    places: tuple[Path, ...]
    format: str | None
    encoding: str | None
    sheet: str | None
    where: tuple[str, ...]
    sample: str | None
    limit: int | None

    @classmethod
    def of(
        cls,
        places: Sequence[Path] | None,
        form: str | None,
        encoding: str | None,
        sheet: str | None,
        where: Sequence[str] | None,
        sample: str | None,
        limit: int | None,
    ) -> DatasetArguments:
        """Creates an instance from the values that Typer parsed; None where one was not given."""
        return cls(tuple(places or ()), form, encoding, sheet, tuple(where or ()), sample, limit)

    def to_argv(self) -> list[str | Path]:
        """Returns the arguments that name the same dataset again."""
        named: list[tuple[str, str | None]] = [
            ("--format", self.format),
            ("--encoding", self.encoding),
            ("--sheet", self.sheet),
        ]
        named += [("--where", text) for text in self.where]
        named += [("--sample", self.sample), ("--limit", str(self.limit) if self.limit else None)]
        options = [word for name, value in named if value is not None for word in (name, value)]
        return [*self.places, *options]

    def find(self) -> InputSource:
        """Finds the files, stores standard input in a file, and parses the options.

        Raises:
            ConfigError: The value of an option is invalid.
            InputError: A pattern matches no file, or the standard input is empty.
        """
        from runner import files  # not for --help
        from runner.files.input_source import InputSource

        if self.format is not None and self.format not in files.FORMATS:
            remedy = _("one of: {known}").format(known=", ".join(files.FORMATS))
            raise ConfigError(
                _("{format!r} is not a format").format(format=self.format),
                where="--format",
                remedy=remedy,
            )
        form = files.FORMATS[self.format] if self.format is not None else None
        selection = files.parse_selection(self.where, self.sample, self.limit)
        if self.encoding is not None:
            files.check_encoding(self.encoding)
        options = files.ReadOptions(form, self.encoding, self.sheet)
        return InputSource(files.find_inputs(self.places, form), options, selection)


@dataclass(frozen=True, slots=True)
class JobArguments:
    """A job file and its dataset, or files of whole requests, which need no job file.

    Attributes:
        first: The job file, or the first file of requests.
        dataset: The dataset, or the other files of requests, with the selection of rows.
        model: The model to use instead of the one in the requests.
        constant_prompt: Whether the prompt may be the same for all rows.
        dedupe: Whether equal requests with a temperature are made once.
    """

    first: Path
    dataset: DatasetArguments
    model: str | None = None
    constant_prompt: bool = False
    dedupe: bool = False

    def to_argv(self) -> list[str | Path]:
        """Returns the arguments that repeat the same command."""
        return [self.first, *self.options()]

    def options(self) -> list[str | Path]:
        """Returns the arguments without `first`."""
        model: list[str | Path] = ["--model", self.model] if self.model else []
        switches = {"--constant-prompt": self.constant_prompt, "--dedupe": self.dedupe}
        given = [name for name, is_set in switches.items() if is_set]
        return [*self.dataset.to_argv(), *model, *given]

    def find_requests(self) -> InputSource | None:
        """Finds the files of requests for the OpenAI Batch API; None if `first` is a job file.

        Raises:
            RunnerError: As `DatasetArguments.find` raises it.
        """
        from runner.files.openai_batch import (  # not for --help
            holds_requests,
            is_json_lines,
        )

        alone = not self.dataset.places
        if self.first.suffix == ".toml" or not (alone or holds_requests(self.first)):
            return None
        found = replace(self.dataset, places=(self.first, *self.dataset.places)).find()
        is_it = is_json_lines if alone else holds_requests
        return found if is_it(found.paths[0]) else None

    def _without_dataset(self) -> ConfigError:
        """Returns the error for a missing dataset or job file."""
        first = str(self.first)
        if self.first.suffix == ".toml":
            remedy = invocation.command("run", first, "INPUT.csv", "-o", "OUT.csv")
            return ConfigError(_("a job file needs a dataset too"), where=first, remedy=remedy)
        what = _("this is not a job file, which says what to do with each row")
        remedy = _("write one with: {command}").format(command=invocation.command("init", first))
        return ConfigError(what, where=first, remedy=remedy)

    def find_dataset(self) -> InputSource:
        """Finds the dataset of the job file.

        Raises:
            ConfigError: There is no dataset, or a model is given beside that of the job file.
            RunnerError: As `DatasetArguments.find` raises it.
        """
        if not self.dataset.places:
            raise self._without_dataset()
        if self.model is not None:
            remedy = _("name the model in the job file")
            raise ConfigError(
                _("--model is for requests made for the OpenAI Batch API"),
                where=str(self.first),
                remedy=remedy,
            )
        return self.dataset.find()
