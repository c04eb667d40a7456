"""What to ask of each row, built in Python or read from a job file.

It refuses to know rows: it says what is asked of one, and what its answer is in Python.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, cast

import orjson
from typing_extensions import TypeVar

from runner import jobfile
from runner.api.answer import Answer, reader_of
from runner.jobfile import JobFile

T = TypeVar("T", default=str)

_TEXT: Any = Answer.text()  # of Answer[str], which is T where no answer is given


class Job(Generic[T]):
    """What to ask of each row, and what counts as an answer; ``T`` is the answer's type.

    The same job and the same rows are the same batch, always: under another name, with other
    limits, and from a job file that says the same.

    Args:
        model: The model, as the provider spells it; or several, the preferred one first.
        user: The template (Jinja2) of the question; a row's keys are the variables.
        answer: What counts as an answer; any text unless given.
        name: What people call it.
        system: The template of what the model is told first.
        examples: Rows with their ``answer``, shown before each question.
        images: The templates of URLs or paths of the pictures that go with the question.
        parameters: Sent with each request: ``{"temperature": 0}``.
        pack: Rows in one call, 1 to 256; or ``"auto"``: as many as fit.
        check: The share of rows that are asked alone, too, to see what packing costs.
        votes: How often each row is asked, of several models in turn if there are any.
        gold: The key that holds the right answers, for `Midnight.quality`.
        reuse: Whether what was answered in another batch is not asked again.
        rotate: Whether the next model is used when the one before is spent, or all of them are.
        priority: Batches with a lower one go first.
        max_calls: Calls that the batch may cost in all; None: as many as it takes.
        max_asks: How many times a row may be asked in all when replies are no answers.
        max_attempts: Tries of one row after passing errors.
        timeout_s: Seconds that one call may take.

    Raises:
        JobFileError: Something of this makes no sense; it says what.
    """

    def __init__(  # noqa: PLR0913 - each is one key of a job file
        self,
        *,
        model: str | Sequence[str],
        user: str,
        answer: Answer[T] = _TEXT,
        name: str = "job",
        system: str | None = None,
        examples: Iterable[Mapping[str, Any]] = (),
        images: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        pack: int | Literal["auto"] | None = None,
        check: float | None = None,
        votes: int | None = None,
        gold: str | None = None,
        reuse: bool | None = None,
        rotate: Literal["prefer", "spread"] | None = None,
        priority: int | None = None,
        max_calls: int | None = None,
        max_asks: int | None = None,
        max_attempts: int | None = None,
        timeout_s: float | None = None,
    ) -> None:
        job = {"pack": pack, "check": check, "votes": votes, "gold": gold, "reuse": reuse}
        limits = {"max_calls": max_calls, "max_attempts": max_attempts, "timeout_s": timeout_s}
        prompt = {"system": system, "user": user, "examples": list(map(dict, examples))}
        tables = {
            "job": {"name": name, **_models(model), **job, "rotate": rotate, "priority": priority},
            "prompt": prompt | {"images": list(images)},
            "parameters": dict(parameters or {}),
            "answer": {**answer.table, "max_asks": max_asks},
            "limits": limits,
        }
        self._jobfile = _checked(tables, name)
        self._read = answer.read

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Job[Any]:
        """Read a job file; its answers have the types that `Answer` says of their kind.

        Raises:
            JobFileError: It cannot be read, or says what a job file may not.
        """
        return of_jobfile(jobfile.load(Path(path)))

    @staticmethod
    def parse(text: str, name: str = "job") -> Job[Any]:
        """Read the text of a job file, in TOML, for what the arguments of `Job` cannot say.

        Raises:
            JobFileError: It says what a job file may not.
        """
        return of_jobfile(jobfile.parse(text, f"{name}.toml", Path.cwd()))

    @staticmethod
    def embedding(
        *,
        model: str | Sequence[str],
        text: str,
        name: str = "embeddings",
        parameters: Mapping[str, Any] | None = None,
        pack: int | None = None,
    ) -> Job[list[float]]:
        """A job whose answer is the vector of `text`, a template; `pack` texts go in one call."""
        job = {"kind": "embedding", "name": name, "pack": pack, **_models(model)}
        return _other(job, text, parameters, {}, cast("Reader[list[float]]", orjson.loads))

    @staticmethod
    def image(
        *,
        model: str | Sequence[str],
        text: str,
        folder: str | os.PathLike[str],
        name: str = "images",
        parameters: Mapping[str, Any] | None = None,
    ) -> Job[Path]:
        """A job whose answer is the file, in `folder`, of an image of `text`, a template."""
        job = {"kind": "image", "name": name, **_models(model)}
        images = {"folder": os.fspath(Path(folder).absolute())}
        return _other(job, text, parameters, images, Path)

    @property
    def name(self) -> str:
        """Its name, which `midnight status` shows."""
        return self._jobfile.job.name

    @property
    def jobfile(self) -> JobFile:
        """The job as a job file, with every default filled in."""
        return self._jobfile

    def read(self, text: str) -> T:
        """The answer that `text`, as it was recorded, stands for.

        Raises:
            ValueError: A validator of yours refuses it.
        """
        return self._read(text)

    def __repr__(self) -> str:
        return f"<Job {self.name!r} for {', '.join(self._jobfile.job.choices)}>"


Reader = Callable[[str], T]


def of_jobfile(found: JobFile) -> Job[Any]:
    """The job that a job file describes."""
    match found.job.kind:
        case "embedding" | "request":
            return _made(found, orjson.loads)
        case "image":
            return _made(found, Path)
        case "chat":
            return _made(found, reader_of(found.answer.kind, integer=found.answer.integer))


def _made(found: JobFile, read: Reader[T]) -> Job[T]:
    job: Job[T] = Job.__new__(Job)
    job._jobfile, job._read = found, read  # noqa: SLF001 - in place of its construction
    return job


def _other(
    job: dict[str, Any],
    text: str,
    parameters: Mapping[str, Any] | None,
    images: dict[str, Any],
    read: Reader[T],
) -> Job[T]:
    """A job whose answers are not checked."""
    sent = dict(parameters or {})
    tables = {"job": job, "prompt": {"user": text}, "parameters": sent, "images": images}
    return _made(_checked(tables, job["name"]), read)


def _models(model: str | Sequence[str]) -> dict[str, Any]:
    return {"model": model} if isinstance(model, str) else {"models": list(model)}


def _checked(tables: dict[str, dict[str, Any]], name: str) -> JobFile:
    """The job file of `tables`; a value that is None is left out."""
    said = {
        table: values
        if table == "parameters"
        else {key: value for key, value in values.items() if value is not None}
        for table, values in tables.items()
    }
    return jobfile.build(said, f"job {name!r}")
