"""Values that are slow to compute, such as sums over a ledger of a million calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")

log = logging.getLogger(__name__)

# How long a page waits for a value that is slow to compute.
SOON_S = 0.05


class Computations:
    """Computations that go on while nobody waits for them, and end with the server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, computation: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Starts a computation."""
        task = asyncio.create_task(computation)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def work(self) -> None:
        """Waits until it is cancelled, and then ends them: they use the database."""
        try:
            await anyio.sleep_forever()
        finally:
            for task in self._tasks:
                task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a value of a page could not be computed: %r", error)


class Cached(Generic[T]):
    """A slow value, cached for ten times the duration of its computation.

    Args:
        compute: Computes the value.
        computations: Runs the computation, which others may wait for or nobody.
    """

    def __init__(self, compute: Callable[[], Awaitable[T]], computations: Computations) -> None:
        self._compute = compute
        self._computations = computations
        self._task: asyncio.Task[None] | None = None
        self._value: list[T] = []
        self._until = 0.0

    async def get(self) -> T:
        """Returns the value, computed now if the cached one is too old."""
        if self._is_due:
            await asyncio.shield(self._start())
        return self._value[0]

    async def soon(self) -> T | None:
        """Returns the value; an old one, or None, if computing it takes longer than `SOON_S`."""
        if self._is_due:
            task = self._start()
            await asyncio.wait({task}, timeout=SOON_S)
            if task.done():
                task.result()
        return self._value[0] if self._value else None

    @property
    def _is_due(self) -> bool:
        return not self._value or anyio.current_time() >= self._until

    def _start(self) -> asyncio.Task[None]:
        """Starts the computation, shared by all callers."""
        if self._task is None or self._task.done():
            self._task = self._computations.start(self._refresh())
        return self._task

    async def _refresh(self) -> None:
        began = anyio.current_time()
        self._value = [await self._compute()]
        ended = anyio.current_time()
        self._until = ended + 10 * (ended - began)
