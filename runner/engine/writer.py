"""Group commit: whatever waits to be written goes into the next transaction together.

It knows transactions and their failures, and nothing of what is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import BusyError
from runner.store.database import Database

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

# A transaction with more than this would make the next one wait too long.
LARGEST_GROUP = 256


@dataclass(slots=True)
class _Item:
    """A piece of work, and what came of it."""

    work: Work[Any]
    done: anyio.Event = field(default_factory=anyio.Event)
    result: Any = None
    error: Exception | None = None


class Writer:
    """The one task that writes. `do` from anywhere; `run` in a task of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._send, self._receive = anyio.create_memory_object_stream[_Item](float("inf"))

    async def do(self, work: Work[T]) -> T:
        """Run `work` inside a transaction; returns once it is committed.

        `work` may run twice, when another one in its group failed: it must keep its state in
        the database. A caller that is cancelled meanwhile leaves the work to be done.
        """
        item = _Item(work)
        self._send.send_nowait(item)
        await item.done.wait()
        if item.error is not None:
            raise item.error
        result: T = item.result
        return result

    async def run(self) -> None:
        """Write until cancelled; what was handed over before that is still written."""
        try:
            async for item in self._receive:
                await self._commit([item, *self._queued()])
        finally:
            with anyio.CancelScope(shield=True):
                while rest := self._queued():
                    await self._commit(rest)
            self._send.close()
            self._receive.close()

    def _queued(self) -> list[_Item]:
        items: list[_Item] = []
        while len(items) < LARGEST_GROUP:
            try:
                items.append(self._receive.receive_nowait())
            except (anyio.WouldBlock, anyio.EndOfStream):
                break
        return items

    async def _commit(self, items: Sequence[_Item]) -> None:
        """One transaction for all; if it fails, one for each, to leave the culprit alone.

        A locked database is nobody's fault, and each would wait for it in turn.
        """
        error = await self._attempt(items)
        alone = error is not None and len(items) > 1 and not isinstance(error, BusyError)
        for item in items:
            item.error = await self._attempt([item]) if alone else error
            item.done.set()

    async def _attempt(self, items: Sequence[_Item]) -> Exception | None:
        try:
            async with self._database.write() as connection:
                for item in items:
                    item.result = await item.work(connection)
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            return error
        return None
