"""How the files that a job file names become part of it, so that what is stored needs no other.

It knows which keys name files; what is in the files, the model checks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.errors import JobFileError


def inline_files(tables: dict[str, Any], folder: Path, where: str) -> None:
    """Put the contents of the named files in the place of their names.

    Args:
        tables: What the job file says, unchecked; changed in place.
        folder: What the names are relative to.
        where: The job file, for errors.

    Raises:
        JobFileError: a file cannot be read.
    """
    answer = tables.get("answer")
    if isinstance(answer, dict) and isinstance(name := answer.get("schema"), str):
        answer["schema"] = read_file(folder, name, f"{where}: [answer] schema")


def read_file(folder: Path, name: str, where: str) -> str:
    """Return the text of the file called `name`.

    Raises:
        JobFileError: it cannot be read, or is no UTF-8 text.
    """
    try:
        return (folder / name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise JobFileError(f'"{name}" is not UTF-8 text', where=where) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "name a file; its path is relative to the job file"
        raise JobFileError(
            f'"{name}" cannot be read ({reason})', where=where, remedy=remedy
        ) from error
