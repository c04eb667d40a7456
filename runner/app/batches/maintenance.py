"""Care for the database: copies, checks, and settlements that could not be stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.store import set_aside
from runner.store.database import Database
from runner.store.set_aside import SetAside


class Maintenance:
    """Operations on one database as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_aside(self) -> list[SetAside]:
        """Returns the settlements that could not be stored, with their replies, oldest first."""
        async with self._database.read() as connection:
            return await set_aside.read(connection)

    async def forget_set_aside(self, settlements: Sequence[SetAside]) -> None:
        """Deletes set-aside settlements."""
        async with self._database.write() as connection:
            await set_aside.forget(connection, [each.call_id for each in settlements])

    async def backup(self, target: Path) -> None:
        """Copies the database to `target`; it may be in use."""
        from runner.store.migrate import copy_to  # only a copy

        await copy_to(self._database, target)

    async def check(self) -> list[str]:
        """Returns the defects found inside the database; empty if there are none."""
        from runner.store import integrity  # only to check

        async with self._database.read() as connection:
            return await integrity.defects(connection)
