"""Folders beside the database for uploads from a browser: a dataset, a job file and their files.

A batch refers to its input there. A folder that no batch refers to is removed an hour after its
last use, whoever created it, so neither abandoned drafts nor crashed servers leave files behind.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from runner.app.application import Application
from runner.clock import Clock
from runner.errors import InputError
from runner.files.target import as_output_errors
from runner.language import _
from runner.path_text import to_path
from runner.threads import in_thread

LIFE_S = 3_600.0
_LONGEST_NAME = 100


class DraftFolders:
    """The upload folders of one database."""

    def __init__(self, midnight: Application, clock: Clock) -> None:
        self._midnight = midnight
        self._clock = clock
        self._top = Path(f"{midnight.database_path}-inputs").resolve()

    def make(self) -> Path:
        """Creates an empty folder.

        Raises:
            OutputError: It cannot be created.
        """
        folder = self._top / secrets.token_hex(12)
        with as_output_errors(self._top):
            self._top.mkdir(exist_ok=True)
            folder.mkdir()
        self.touch(folder)
        return folder

    def touch(self, folder: Path) -> None:
        """Keeps a folder for another hour."""
        now = self._clock.now() / 1000
        with suppress(OSError):
            os.utime(folder, (now, now))

    def has(self, path: Path) -> bool:
        """Whether a file is in one of the folders."""
        return path.parent.parent == self._top

    async def remove_unused(self) -> None:
        """Removes the folders that no batch refers to and that were not used for an hour."""
        remembered, before = await self._remembered(), self._clock.now() / 1000 - LIFE_S
        await in_thread(self._remove, remembered, before)

    async def remove(self, folder: Path) -> None:
        """Removes a folder, unless a batch refers to it."""
        if folder not in await self._remembered():
            await in_thread(remove_folder, folder)

    async def _remembered(self) -> set[Path]:
        batches = await self._midnight.batches()
        return {to_path(batch.input).parent for batch in batches if not batch.is_trial}

    def _remove(self, remembered: set[Path], before: float) -> None:
        with suppress(OSError):
            for folder in self._top.iterdir():
                if folder not in remembered and folder.stat().st_mtime < before:
                    remove_folder(folder)
            self._top.rmdir()  # fails while it is not empty


def remove_folder(folder: Path) -> None:
    """Removes a folder and its contents; errors are ignored."""
    shutil.rmtree(folder, ignore_errors=True)


def file_name(name: str) -> str:
    """Returns the file name to store an upload under: the last component of the browser's name.

    Raises:
        InputError: It is not a valid file name.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(c if c.isprintable() else "_" for c in last).strip()
    stem, dot, suffix = shown.partition(".")
    kept = f"{stem[: max(1, _LONGEST_NAME - len(dot + suffix))]}{dot}{suffix}"[:_LONGEST_NAME]
    if not stem or kept in {".", ".."}:
        raise InputError(
            _("{name!r} is not the name of a file").format(name=name[:_LONGEST_NAME]),
            remedy=_("rename the file"),
        )
    return kept
