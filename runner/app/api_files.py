"""The files of the OpenAI Batch API: contents in a folder beside the database, metadata in it.

A file is completely on disk before it is entered in the database. Partial files have the suffix
`.part`, and a server removes those that a crash has left behind a day before.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from runner.clock import Clock
from runner.errors import NotFoundError, OutputError
from runner.files.target import as_output_errors, sync_folder
from runner.store import api_batches, api_files
from runner.store.api_files import ApiFile, Paging
from runner.store.database import Database
from runner.threads import in_thread

# The default lifetime is OpenAI's for files of batches; the bounds are those of `expires_after`.
USUAL_LIFE_S = 30 * 24 * 3_600
SHORTEST_LIFE_S, LONGEST_LIFE_S = 3_600, 2_592_000
_ID = re.compile(r"file-[0-9a-f]{24}")
_PART = ".part"


class ApiFiles:
    """The files of all clients; a client has access to its own files only."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._folder = Path(f"{database.path}-files")

    def new_part(self, suffix: str = "") -> Path:
        """Returns a new path to write to before `keep`; its name ends with `suffix`.

        Raises:
            OutputError: The folder cannot be created.
        """
        with as_output_errors(self._folder):
            self._folder.mkdir(exist_ok=True)
        return self._folder / f"{secrets.token_hex(12)}{_PART}{suffix}"

    def path_of(self, file_id: str) -> Path:
        """Returns the path of a file's contents."""
        return self._folder / f"{file_id}.jsonl"

    async def keep(
        self,
        part: Path,
        client: str,
        purpose: str,
        filename: str,
        *,
        file_id: str | None = None,
        life_s: int | None = None,
    ) -> ApiFile:
        """Moves the file at `part` into place and enters it in the database.

        Args:
            part: The path that was written to.
            client: The client that owns it.
            purpose: The purpose, one of OpenAI's.
            filename: The client's name for it.
            file_id: The id; by default a new one.
            life_s: Its lifetime in s; by default `USUAL_LIFE_S`.

        Raises:
            OutputError: The file cannot be moved or synced to disk.
        """
        own_id = file_id or f"file-{secrets.token_hex(12)}"
        size = await in_thread(self._put_in_place, part, own_id)
        now = self._clock.now()
        expires_at = now + (life_s or USUAL_LIFE_S) * 1000
        file = ApiFile(own_id, client, purpose, filename, size, now, expires_at)
        async with self._database.write() as connection:
            await api_files.add(connection, file)
        return file

    async def get(self, client: str, file_id: str) -> ApiFile:
        """Returns a file of a client.

        Raises:
            NotFoundError: The client has no file with this id.
        """
        if _ID.fullmatch(file_id):
            async with self._database.read() as connection:
                file = await api_files.get(connection, file_id, client)
            if file is not None and self._is_there(file_id):
                return file
        raise NotFoundError(f"no such file: {file_id[:80]!r}")

    async def page(self, client: str, paging: Paging, purpose: str | None) -> Sequence[ApiFile]:
        """Returns a page of a client's files, with one extra file if there are more."""
        async with self._database.read() as connection:
            return await api_files.page(connection, client, paging, purpose)

    async def delete(self, client: str, file_id: str) -> None:
        """Deletes a file of a client.

        Raises:
            NotFoundError: The client has no file with this id, or a batch is about to read it.
        """
        await self.get(client, file_id)
        async with self._database.write() as connection:
            if await api_batches.uses(connection, file_id):
                raise NotFoundError(f"{file_id} is being read by a batch: try again in a moment")
            await api_files.forget(connection, file_id)
        self._unlink(file_id)

    async def delete_expired(self) -> None:
        """Deletes the files whose lifetime is over."""
        async with self._database.read() as connection:
            expired = await api_files.expired(connection, self._clock.now())
        for file in expired:
            with suppress(NotFoundError):
                await self.delete(file.client, file.id)

    def remove_parts(self, older_than_s: float) -> None:
        """Removes partial files that interrupted uploads have left."""
        before = self._clock.now() / 1000 - older_than_s
        with suppress(OSError):
            for part in self._folder.glob(f"*{_PART}*"):
                if part.stat().st_mtime < before:
                    part.unlink(missing_ok=True)

    def _put_in_place(self, part: Path, file_id: str) -> int:
        """Syncs a file to disk and renames it to its final path; returns its size in bytes."""
        with as_output_errors(part):
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            size = part.stat().st_size
            part.replace(self.path_of(file_id))
            sync_folder(self._folder)
        return size

    def _is_there(self, file_id: str) -> bool:
        return self.path_of(file_id).exists()

    def _unlink(self, file_id: str) -> None:
        try:
            self.path_of(file_id).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"the file cannot be deleted ({error.strerror})") from error


def has_content(path: Path) -> bool:
    """Whether a file is not empty."""
    return path.stat().st_size > 0


def remove(path: Path) -> None:
    """Removes a file that was not kept; errors are ignored."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
