"""Writes of pollers, done inside the engine's next transaction, so that the engine alone writes.

Each piece of work runs in a savepoint of its own: if it fails, it changes nothing, and its error is
raised where it was posted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import StoreError
from runner.store.counts import Changes
from runner.store.database import is_failure

T = TypeVar("T")
Work = Callable[[AsyncConnection, Changes], Awaitable[T]]
"""Is called with the connection, and with the changes of counts, to which it adds its own."""


class Post(Protocol):
    """Runs work in the engine's next transaction."""

    async def __call__(self, work: Work[T]) -> T:
        """Runs `work` inside a transaction; returns once it is committed.

        `work` may run again if the transaction fails, so it must keep its state in the database.

        Raises:
            StoreError: The transaction failed, or the engine has ended.
        """


@dataclass(slots=True)
class _Item:
    """A piece of work, and its result."""

    work: Work[Any]
    done: anyio.Event = field(default_factory=anyio.Event)
    result: Any = None
    error: Exception | None = None


class Posts:
    """The posted work that is not done."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: list[_Item] = []
        self._closed = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def post(self, work: Work[T]) -> T:
        """Implements `Post`."""
        if self._closed:
            raise StoreError("the engine has ended")
        item = _Item(work)
        self._waiting.append(item)
        self._wake()
        await item.done.wait()
        if item.error is not None:
            raise item.error
        result: T = item.result
        return result

    async def run(self, connection: AsyncConnection, changes: Changes) -> list[_Item]:
        """Runs all waiting work; `finish` must be called once the transaction is committed.

        `changes` receives the changes of counts, which the caller must write.
        """
        items = list(self._waiting)
        for item in items:
            item.error, own = None, Changes()
            try:
                async with connection.begin_nested():
                    item.result = await item.work(connection, own)
            except Exception as error:
                if is_failure(error):
                    raise  # the whole transaction has failed
                item.error = error
            else:
                changes.include(own)
        return items

    def finish(self, items: list[_Item]) -> None:
        """Wakes those who posted `items`, whose transaction is committed."""
        for item in items:
            self._waiting.remove(item)
            item.done.set()

    def fail(self, error: Exception) -> None:
        """Raises `error` for all waiting work; those who posted it will retry."""
        for item in self._waiting:
            item.error = error
            item.done.set()
        self._waiting.clear()

    def close(self) -> None:
        """Refuses all waiting and later work, as the engine ends."""
        self._closed = True
        self.fail(StoreError("the engine has ended"))
