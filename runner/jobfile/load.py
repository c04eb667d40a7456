"""How a TOML file becomes a job file, or an error that a person can act on.

It knows nothing of what the keys mean, save that a job without a name takes its file's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.errors import JobFileError
from runner.jobfile.inline import inline_files
from runner.jobfile.model import JobFile
from runner.jobfile.prompt import Prompt
from runner.tomlfile import TomlFile

_JOB_FILE = TomlFile(
    model=JobFile,
    error=JobFileError,
    noun="job file",
    remedy="mend them, or start from a ready job file (midnight init)",
)


def load(path: Path) -> JobFile:
    """Read and check the job file at `path`; its stem is the job's name unless it gives one.

    Raises:
        JobFileError: the file cannot be read, is not TOML, or says what a job file may not.
    """
    return parse(_JOB_FILE.read(path), where=str(path), folder=path.parent)


def parse(text: str, where: str, folder: Path | None = None) -> JobFile:
    """Check the text of a job file.

    Args:
        text: TOML.
        where: Stands for the file in errors, and its stem in names.
        folder: Where the files are that it names; None: it can name none.

    Raises:
        JobFileError: the text is not TOML, or says what a job file may not.
    """
    tables = _JOB_FILE.tables(text, where)
    job = tables.get("job")
    if isinstance(job, dict):
        job.setdefault("name", Path(where).stem.encode(errors="replace").decode() or "job")
    places = inline_files(tables, folder, where) if folder is not None else []
    return build(tables, where, places)


def build(tables: dict[str, Any], where: str, places: Sequence[str] = ()) -> JobFile:
    """Check what a job file says, given as its tables.

    Args:
        tables: By name, each a mapping of its keys.
        where: Stands for the file in errors.
        places: Where its examples stand, for errors.

    Raises:
        JobFileError: the tables say what a job file may not.
    """
    jobfile = _JOB_FILE.check(tables, where)
    if jobfile.prompt.examples:
        Prompt(jobfile, places)  # whether they fit
    return jobfile
