"""Jobs, built in Python or read from a job file, with the Python type of their answers."""

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
from runner.jobfile.kinds import Answers

T = TypeVar("T", default=str)

_TEXT: Any = Answer.text()  # an Answer[str]; T is str by default


class Job(Generic[T]):
    """The question for each row, and its valid answers; ``T`` is the type of the answers.

    The same job and the same rows are always the same batch, also under another name, with other
    limits, or from an equivalent job file.

    Args:
        model: The model, as the provider spells it; or several, the preferred one first.
        user: The template (Jinja2) of the question; a row's keys are the variables.
        answer: The valid answers; by default any text.
        name: The name of the batch.
        system: The template of the system message.
        examples: Few-shot examples: rows with their ``answer``, sent before each question.
        images: The templates of URLs or paths of the images that are sent with the question.
        parameters: Additional parameters of each request: ``{"temperature": 0}``.
        pack: The number of rows in one call, 1 to 256; ``"auto"`` packs as many as fit.
        check: The share of rows that are also asked alone, to measure how packing affects answers.
        votes: The number of times that each row is asked; several models take turns.
        gold: The key of the right answers, for `Midnight.quality`.
        reuse: Whether an answer to the same request in another batch is reused.
        rotate: ``prefer`` uses the next model when the one before is spent; ``spread`` uses all.
        priority: Batches with a lower number go first.
        max_calls: The most calls that the batch may make in all; None means no limit.
        max_asks: The most times that a row is asked in all when replies are invalid.
        max_attempts: The most tries of one row when the provider or the network fails.
        timeout_s: The time-out of one call, in seconds.

    Raises:
        JobFileError: An argument is invalid; the error names it.
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
        """Reads a job file; `Answer` has the types of each kind of answer.

        Raises:
            JobFileError: The file cannot be read, or is not a valid job file.
        """
        return of_jobfile(jobfile.load(Path(path)))

    @staticmethod
    def parse(text: str, name: str = "job") -> Job[Any]:
        """Parses the text of a job file, in TOML, which has more options than `Job`'s arguments.

        Raises:
            JobFileError: The text is not a valid job file.
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
        """Returns a job for embeddings of the template `text`, with `pack` texts in one call.

        Raises:
            JobFileError: An argument is invalid.
        """
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
        """Returns a job for images of the template `text`; answers are the files in `folder`.

        Raises:
            JobFileError: An argument is invalid.
        """
        job = {"kind": "image", "name": name, **_models(model)}
        images = {"folder": os.fspath(Path(folder).absolute())}
        return _other(job, text, parameters, images, Path)

    @property
    def name(self) -> str:
        """The name of the batch, which `midnight status` shows."""
        return self._jobfile.job.name

    @property
    def jobfile(self) -> JobFile:
        """The job as a job file, with every default filled in."""
        return self._jobfile

    def read(self, text: str) -> T:
        """Returns the answer for its recorded text.

        Raises:
            ValueError: Your own validator refuses the answer.
        """
        return self._read(text)

    def __repr__(self) -> str:
        return f"<Job {self.name!r} for {', '.join(self._jobfile.job.choices)}>"


Reader = Callable[[str], T]


def of_jobfile(jobfile: JobFile) -> Job[Any]:
    """Returns the job that a job file describes."""
    match jobfile.job.traits.answers:
        case Answers.VECTOR | Answers.REPLY:
            return _new_job(jobfile, orjson.loads)
        case Answers.IMAGE:
            return _new_job(jobfile, Path)
        case Answers.TEXT:
            return _new_job(jobfile, reader_of(jobfile.answer.kind, integer=jobfile.answer.integer))


def _new_job(jobfile: JobFile, read: Reader[T]) -> Job[T]:
    job: Job[T] = Job.__new__(Job)
    job._jobfile, job._read = jobfile, read  # noqa: SLF001 - replaces __init__
    return job


def _other(
    job: dict[str, Any],
    text: str,
    parameters: Mapping[str, Any] | None,
    images: dict[str, Any],
    read: Reader[T],
) -> Job[T]:
    """Returns a job of another kind than chat, which has no valid or invalid answers."""
    tables = {
        "job": job,
        "prompt": {"user": text},
        "parameters": dict(parameters or {}),
        "images": images,
    }
    return _new_job(_checked(tables, job["name"]), read)


def _models(model: str | Sequence[str]) -> dict[str, Any]:
    return {"model": model} if isinstance(model, str) else {"models": list(model)}


def _checked(tables: dict[str, dict[str, Any]], name: str) -> JobFile:
    """Validates the job file in `tables`; values that are None are left out."""
    given = {
        table: values
        if table == "parameters"
        else {key: value for key, value in values.items() if value is not None}
        for table, values in tables.items()
    }
    return jobfile.build(given, f"job {name!r}")
