"""The ready job files that come with the program, and copies of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.errors import NotFoundError, OutputError
from runner.resources import shipped

DEFAULT = "label_reviews"


def listed() -> list[dict[str, Any]]:
    """Every ready job file: its name, what it does, its files."""
    return [
        {
            "name": job.stem,
            "does": _purpose(job),
            "files": [path.name for path in _files(job.stem)],
        }
        for job in sorted(shipped("jobs").glob("*.toml"))
    ]


def shown(found: Sequence[dict[str, Any]]) -> str:
    """The list for people."""
    width = max((len(each["name"]) for each in found), default=0)
    lines = [f"{each['name']:<{width}}  {each['does']}" for each in found]
    return "\n".join([*lines, "copy one with: midnight init NAME"])


def copy(name: str, folder: Path) -> list[Path]:
    """Copy the job file `name` and its data to `folder`, the job file first.

    Raises:
        NotFoundError: There is none of this name.
        OutputError: A file of the same name is there already, or cannot be written.
    """
    wanted = name.removesuffix(".toml").replace("-", "_")
    sources = _files(wanted)
    if not sources:
        known = ", ".join(each["name"] for each in listed())
        raise NotFoundError(f"no ready job file {name!r}", remedy=f"one of: {known}")
    targets = [folder / source.name for source in sources]
    for target in targets:
        if target.exists():
            remedy = "go to another folder, or move it away"
            raise OutputError("this file is here already", where=target.name, remedy=remedy)
    for source, target in zip(sources, targets, strict=True):
        _copy(source, target)
    return targets


def _copy(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as data, target.open("xb") as made:
            shutil.copyfileobj(data, made)
    except OSError as error:
        what = f"the file cannot be written ({error.strerror})"
        remedy = "go to a folder that you may write to"
        raise OutputError(what, where=str(target), remedy=remedy) from error


def _files(stem: str) -> list[Path]:
    found = [path for path in shipped("jobs").glob("*.*") if path.stem == stem]
    return sorted(found, key=lambda path: (path.suffix != ".toml", path.name))


def _purpose(job: Path) -> str:
    """The comment that a ready job file begins with."""
    with job.open(encoding="utf-8") as text:
        return text.readline().lstrip("# ").strip()
