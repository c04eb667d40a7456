"""The job templates shipped with the program.

A file or folder whose name up to the first dot is that of a template belongs to it: its dataset,
its schema, its examples, its images.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.errors import NotFoundError, OutputError
from runner.language import _
from runner.resources import shipped

DEFAULT = "label_reviews"

# Requests made for the OpenAI Batch API need no job file, and have no room for a comment.
_REQUESTS = _("Requests made for the OpenAI Batch API, run as they are.")


def listed() -> list[dict[str, Any]]:
    """Returns every template: its name, its purpose, its files."""
    names = {_name(path) for path in shipped("jobs").iterdir()} - {""}
    templates = [(name, _files(name)) for name in sorted(names)]
    return [
        {"name": name, "does": _purpose(files[0]), "files": [file.as_posix() for file in files]}
        for name, files in templates
    ]


def shown(templates: Sequence[dict[str, Any]]) -> str:
    """Returns the list as text for people."""
    width = max((len(each["name"]) for each in templates), default=0)
    lines = [f"{each['name']:<{width}}  {each['does']}" for each in templates]
    return "\n".join([*lines, _("copy one with: midnight init NAME")])


def arguments(files: Sequence[Path]) -> list[str]:
    """Returns the arguments for the files that `copy` returned: the job file and its dataset."""
    return [str(file) for file in files if file.parent == Path() and file.stem == _name(file)]


def copy(name: str, folder: Path, *, keep: bool = False) -> list[Path]:
    """Copies the template `name` to `folder`; returns its files, relative, the job file first.

    Args:
        name: The name of the template.
        folder: The target folder.
        keep: Whether existing files of the same name are kept; otherwise they are errors.

    Raises:
        NotFoundError: There is no such template.
        OutputError: A file of the same name exists, or cannot be written.
    """
    files = _files(name.partition(".")[0].replace("-", "_"))
    if not files:
        known = ", ".join(each["name"] for each in listed())
        raise NotFoundError(
            _("no ready job file {name!r}").format(name=name),
            remedy=_("one of: {known}").format(known=known),
        )
    existing = {file for file in files if (folder / file).exists()}
    for file in files:
        if file in existing and not keep:
            remedy = _("go to another folder, or move it away")
            raise OutputError(_("this file is here already"), where=str(file), remedy=remedy)
    for file in files:
        if file in existing:
            continue
        _copy(shipped("jobs") / file, folder / file)
    return files


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
        with source.open("rb") as data, target.open("xb") as made:
            shutil.copyfileobj(data, made)
    except OSError as error:
        what = _("the file cannot be written ({reason})").format(reason=error.strerror)
        remedy = _("go to a folder that you may write to")
        raise OutputError(what, where=str(target), remedy=remedy) from error


def _name(path: Path) -> str:
    """Returns the name of the template that a file belongs to."""
    return path.name.partition(".")[0]


def _files(name: str) -> list[Path]:
    """Returns a template's files, relative to the common folder: job file, dataset, others."""
    top = shipped("jobs")
    own = [path for path in top.iterdir() if name and _name(path) == name]
    inside = [each for path in own if path.is_dir() for each in path.iterdir()]
    files = [path.relative_to(top) for path in [*own, *inside] if path.is_file()]
    return sorted(
        files, key=lambda file: (file.suffix != ".toml", file.stem != name, file.as_posix())
    )


def _purpose(job: Path) -> str:
    """Returns the comment on the first line of a job file."""
    if job.suffix != ".toml":
        return _REQUESTS
    with (shipped("jobs") / job).open(encoding="utf-8") as text:
        return text.readline().lstrip("# ").strip()
