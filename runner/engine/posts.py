"""Work that others want done inside the engine's next transaction, so that nobody else writes.

Pollers post what they have learned. Each piece runs in a savepoint of its own: one that fails
changes nothing, and its error is raised where it was posted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import StoreError
from runner.store.database import is_failure

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]


class Post(Protocol):
    """Has work done in the engine's next transaction."""

    async def __call__(self, work: Work[T]) -> T:
        """Do `work` inside a transaction; returns once it is committed.

        `work` may run twice, when the transaction fails: it keeps its state in the database.

        Raises:
            StoreError: It could not be stored, or the engine has ended.
        """


@dataclass(slots=True)
class _Item:
    """A piece of work, and what came of it."""

    work: Work[Any]
    done: anyio.Event = field(default_factory=anyio.Event)
    result: Any = None
    error: Exception | None = None


class Posts:
    """Work that was posted and is not done."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: list[_Item] = []
        self._closed = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def post(self, work: Work[T]) -> T:
        """See `Post`."""
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

    async def run(self, connection: AsyncConnection) -> list[_Item]:
        """Do all that waits; `settle` says then whether the transaction was committed."""
        items = list(self._waiting)
        for item in items:
            item.error = None
            try:
                async with connection.begin_nested():
                    item.result = await item.work(connection)
            except Exception as error:
                if is_failure(error):
                    raise  # it concerns the whole transaction
                item.error = error
        return items

    def settle(self, items: list[_Item]) -> None:
        """The transaction that `items` ran in is committed: tell those who wait."""
        for item in items:
            self._waiting.remove(item)
            item.done.set()

    def fail(self, error: Exception) -> None:
        """The database does not take what waits: tell those who wait, who try again later."""
        for item in self._waiting:
            item.error = error
            item.done.set()
        self._waiting.clear()

    def close(self) -> None:
        """The engine ends: nothing posted from now on will be done."""
        self._closed = True
        self.fail(StoreError("the engine has ended"))
