"""Loads a job file, with the files that it names, or raises one clear error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.errors import JobFileError
from runner.jobfile.job_file import JobFile
from runner.jobfile.prompt import Prompt
from runner.language import _
from runner.tomlfile import TomlFile

_JOB_FILE = TomlFile(
    model=JobFile,
    error=JobFileError,
    noun=_("job file"),
    remedy=_("correct them, or start from a ready job file (midnight init)"),
)


def load(path: Path) -> JobFile:
    """Read and validate the job file at `path`; its stem is the job's default name.

    Raises:
        JobFileError: The file cannot be read, is not TOML, or is not a valid job file.
    """
    return parse(_JOB_FILE.read(path), where=str(path), folder=path.parent)


def parse(text: str, where: str, folder: Path | None = None) -> JobFile:
    """Validate the text of a job file.

    Args:
        text: TOML.
        where: Names the file in errors; its stem is the job's default name.
        folder: The folder of the files that it names; None: it cannot name any.

    Raises:
        JobFileError: The text is not TOML, or is not a valid job file.
    """
    tables = _JOB_FILE.tables(text, where)
    job = tables.get("job")
    if isinstance(job, dict):
        job.setdefault("name", Path(where).stem.encode(errors="replace").decode() or "job")
    places = _include_files(tables, folder, where) if folder is not None else []
    return build(tables, where, places)


def build(tables: dict[str, Any], where: str, places: Sequence[str] = ()) -> JobFile:
    """Validate a job file that is given as its tables.

    Args:
        tables: By name, each a mapping of its keys.
        where: Names the file in errors.
        places: The place of each example, for errors.

    Raises:
        JobFileError: The tables are not a valid job file.
    """
    jobfile = _JOB_FILE.check(tables, where)
    if jobfile.prompt.examples:
        Prompt(jobfile, places)  # raises when an example is invalid
    return jobfile


def _include_files(tables: dict[str, Any], folder: Path, where: str) -> list[str]:
    """Replace the names of files by the files' contents, so that a stored job file needs no other.

    Args:
        tables: The tables of the job file, not validated; changed in place.
        folder: The folder in which relative paths start.
        where: The job file, for errors.

    Returns:
        The place of each example, if they are in a file.

    Raises:
        JobFileError: A file cannot be read.
    """
    answer = tables.get("answer")
    if isinstance(answer, dict) and isinstance(name := answer.get("schema"), str):
        answer["schema"] = _read(folder, name, f"{where}: [answer] schema")
    prompt = tables.get("prompt")
    if isinstance(prompt, dict) and isinstance(name := prompt.get("examples"), str):
        lines = _read(folder, name, f"{where}: [prompt] examples").split("\n")
        numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        prompt["examples"] = [line for _, line in numbered]
        return [f"{folder / name}:{number}" for number, _ in numbered]
    return []


def _read(folder: Path, name: str, where: str) -> str:
    """Return the text of the file `name`.

    Raises:
        JobFileError: It cannot be read, or is not UTF-8 text.
    """
    try:
        return (folder / name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise JobFileError(
            _('"{name}" is not UTF-8 text').format(name=name), where=where
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = _("name a file; its path is relative to the job file")
        raise JobFileError(
            _('"{name}" cannot be read ({reason})').format(name=name, reason=reason),
            where=where,
            remedy=remedy,
        ) from error
