"""The files of the OpenAI Batch API: contents in a folder beside the database, metadata in it.

A file is completely on disk before it is entered in the database, and leaves the database before
the disk. Partial files have the suffix `.part`. A crash in between leaves files that nobody can
reach; `sweep` removes them later.
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
# Between the two steps of keeping or deleting a file there are seconds; an upload may take hours.
_STRAY_MS = 3_600_000
_STRAY_PART_MS = 24 * 3_600_000


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
        if not await self._forget(file_id):
            raise NotFoundError(f"{file_id} is being read by a batch: try again in a moment")
        await in_thread(self._unlink, file_id)  # a large file takes a tenth of a second

    async def delete_expired(self) -> None:
        """Deletes the files whose lifetime is over, but for those that a batch is about to read."""
        async with self._database.read() as connection:
            expired = await api_files.expired(connection, self._clock.now())
        for file in expired:
            if await self._forget(file.id):
                # What cannot be removed now is swept up later.
                await in_thread(remove, self.path_of(file.id))

    async def sweep(self) -> None:
        """Removes what crashes have left: contents without an entry, entries without content.

        Nothing is done without the folder, which may be on a disk that is not mounted.
        """
        now = self._clock.now()
        found = await in_thread(self._changed_at)
        if found is None:
            return
        async with self._database.read() as connection:
            entered = await api_files.created_at(connection)
        for path, changed_at in found.items():
            if path.stem not in entered and _is_stray(path.name, now - changed_at):
                await in_thread(remove, path)
        for file_id, created_at in entered.items():
            if now - created_at > _STRAY_MS and not self._is_there(file_id):
                await self._forget(file_id)

    async def _forget(self, file_id: str) -> bool:
        """Removes a file's entry, unless a batch is about to read it; whether it did."""
        async with self._database.write() as connection:
            if await api_batches.uses(connection, file_id):
                return False
            await api_files.forget(connection, file_id)
        return True

    def _changed_at(self) -> dict[Path, int] | None:
        """Returns when each file in the folder was last written to; None without the folder."""
        try:
            with os.scandir(self._folder) as entries:
                return {Path(one): round(one.stat().st_mtime * 1000) for one in entries}
        except OSError:
            return None

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


def _is_stray(name: str, age_ms: int) -> bool:
    """Whether a file without an entry was left by a crash; others' files are left alone."""
    if _PART in name:
        return age_ms > _STRAY_PART_MS
    return bool(_ID.fullmatch(name.removesuffix(".jsonl"))) and age_ms > _STRAY_MS


def has_content(path: Path) -> bool:
    """Whether a file is not empty."""
    return path.stat().st_size > 0


def remove(path: Path) -> None:
    """Removes a file that was not kept; errors are ignored."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
