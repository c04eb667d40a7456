"""Loads a job file and the files that it names, or raises one clear error."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
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

# The keys of a job file whose value may be a file name.
_FILES = (("answer", "schema"), ("prompt", "examples"))


def load(path: Path, *, inside_folder: bool = False) -> JobFile:
    """Reads and validates the job file at `path`; its stem is the job's default name.

    Args:
        path: The file.
        inside_folder: Whether the files that it names must be in its folder.

    Raises:
        JobFileError: The file cannot be read, is not TOML, or is not a valid job file.
    """
    text = _JOB_FILE.read(path)
    return parse(text, where=str(path), folder=path.parent, inside_folder=inside_folder)


def parse(
    text: str, where: str, folder: Path | None = None, *, inside_folder: bool = False
) -> JobFile:
    """Validates the text of a job file.

    Args:
        text: TOML.
        where: The file's name in errors; its stem is the job's default name.
        folder: The folder in which relative paths start; None means that the job file may name no
            file.
        inside_folder: Whether the files that it names must be in `folder`.

    Raises:
        JobFileError: The text is not TOML, or is not a valid job file.
    """
    tables = _JOB_FILE.tables(text, where)
    job = tables.get("job")
    if isinstance(job, dict):
        job.setdefault("name", Path(where).stem.encode(errors="replace").decode() or "job")
    places = []
    if folder is not None:
        if inside_folder:
            _check_inside(tables, folder, where)
        places = _include_files(tables, folder, where)
    return build(tables, where, places)


def build(tables: dict[str, Any], where: str, places: Sequence[str] = ()) -> JobFile:
    """Validates a job file that is given as its tables.

    Args:
        tables: The TOML tables by name.
        where: The file's name in errors.
        places: The place of each example, for errors; see `Prompt`.

    Raises:
        JobFileError: The tables are not a valid job file.
    """
    jobfile = _JOB_FILE.check(tables, where)
    if jobfile.prompt.examples:
        Prompt(jobfile, places)  # raises when an example is invalid
    return jobfile


def _check_inside(tables: dict[str, Any], folder: Path, where: str) -> None:
    """Checks that the files that a job file names are in its folder.

    Raises:
        JobFileError: One is elsewhere.
    """
    for table, key in _FILES:
        values = tables.get(table)
        name = values.get(key) if isinstance(values, dict) else None
        if isinstance(name, str) and not _is_inside(folder, name):
            what, remedy = (
                _('"{name}" is elsewhere on this machine').format(name=name),
                _("hand the file in, too"),
            )
            raise JobFileError(what, where=f"{where}: [{table}] {key}", remedy=remedy)


def _is_inside(folder: Path, name: str) -> bool:
    with suppress(ValueError, OSError):  # such a file cannot be read: `_read` reports that
        return (folder / name).resolve().is_relative_to(folder.resolve())
    return True


def _include_files(tables: dict[str, Any], folder: Path, where: str) -> list[str]:
    """Replaces file names by the files' contents, so that a stored job file needs no other file.

    Args:
        tables: The tables of the job file, not validated; changed in place.
        folder: The folder in which relative paths start.
        where: The job file, for errors.

    Returns:
        The path and line of each example, if the examples are in a file.

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
    """Returns the text of the file `name`.

    Raises:
        JobFileError: The file cannot be read, or is not UTF-8 text.
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
