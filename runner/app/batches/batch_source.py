"""Names the input of a batch, also where an earlier release has kept its first file only."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from runner import path_text
from runner.language import _
from runner.store.batches import Batch
from runner.store.damage import stored_json

if TYPE_CHECKING:
    from pathlib import Path

_OPTIONS = {"form": "--format", "encoding": "--encoding", "sheet": "--sheet"}


def paths_of(batch: Batch) -> list[Path]:
    """Returns the files of a batch's input; of one of an earlier release, the first alone."""
    stored = stored_json(batch.input_json).get("paths") if batch.input_json else None
    return list(map(path_text.to_path, stored or [batch.input]))


def argv_of(batch: Batch) -> list[str | Path]:
    """Returns the arguments that name a batch's input again."""
    if not batch.input_json:
        return [*paths_of(batch), *shlex.split(batch.selection)]
    from runner.files.input_source import InputSource  # not for status

    return InputSource.from_json(batch.input_json).to_argv()


def options_of(batch: Batch) -> str:
    """Returns the options that a batch's input was named with, as on a command line."""
    stored = stored_json(batch.input_json) if batch.input_json else {}
    given = ((name, stored.get(key)) for key, name in _OPTIONS.items())
    options = shlex.join(word for name, value in given if value for word in (name, value))
    return " ".join(filter(None, (options, batch.selection)))


def others_of(batch: Batch) -> str:
    """Returns the words for the files of a batch's input after the first; empty without any."""
    more = len(paths_of(batch)) - 1
    return _(" and {more} more").format(more=more) if more else ""
