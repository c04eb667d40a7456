"""How the files that a job file names become part of it, so that what is stored needs no other.

It knows which keys name files; what is in the files, the model checks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.errors import JobFileError


def inline_files(tables: dict[str, Any], folder: Path, where: str) -> list[str]:
    """Put the contents of the named files in the place of their names.

    Returns:
        Where each of the examples stands, if they are in a file.

    Args:
        tables: What the job file says, unchecked; changed in place.
        folder: What the names are relative to.
        where: The job file, for errors.

    Raises:
        JobFileError: a file cannot be read.
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
