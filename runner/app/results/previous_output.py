"""Keeps the file that an output is about to replace, so that no answers are lost.

A file belongs to one batch. If it holds more answers than the batch that is about to write it, from
another batch or database, it is first kept under another name.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner import exact_json, files
from runner.errors import InputError, OutputError
from runner.language import _
from runner.store.batches import Batch


def keep_previous(path: Path, answers: int, owner: Batch | None) -> Path | None:
    """Keeps the file at `path` under another name too, if it has more than `answers` answers.

    Args:
        path: An output file that is about to be overwritten.
        answers: The number of answers that it will have.
        owner: The batch whose output it was, if known.

    Returns:
        The other name; None if nothing was kept.

    Raises:
        OutputError: It can be neither linked nor copied.
    """
    if not path.is_file() or _answers_in(path) <= answers:
        return None
    kept = _free_name(path, f"batch-{owner.id}" if owner else "previous")
    try:
        try:
            os.link(path, kept)
        except OSError:  # a file system without hard links
            shutil.copy2(path, kept)
    except OSError as error:
        what = _("it has more answers than this batch, and cannot be kept as {name}").format(
            name=kept.name
        )
        remedy = _("name another file with -o")
        raise OutputError(f"{what} ({error.strerror})", where=str(path), remedy=remedy) from error
    return kept


def _answers_in(path: Path) -> int:
    """Returns the number of answered rows in an output file; 0 if it is not a readable one.

    The column with the states has a name that depends on the dataset and the job file that the file
    was written for. These may be unknown, so every column counts.
    """
    with suppress(InputError):
        rows = map(exact_json.loads, files.read_rows(files.check(path)))
        return sum(map(_is_answered, rows))
    return 0


def _is_answered(row: dict[str, Any]) -> bool:
    """Whether a row has the state of an answered one, or a response of OpenAI's Batch API."""
    return "succeeded" in row.values() or row.get("response") is not None


def _free_name(path: Path, word: str) -> Path:
    """Returns a path that does not exist: ``out.previous.csv``, or ``out.previous-2.csv``."""
    stem, dot, suffixes = path.name.partition(".")
    place, number = path.with_name(f"{stem}.{word}{dot}{suffixes}"), 1
    while place.exists():
        number += 1
        place = path.with_name(f"{stem}.{word}-{number}{dot}{suffixes}")
    return place
