"""Live pages: their fragments are sent as server-sent events when they change."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

from runner.errors import NotFoundError, RunnerError

T = TypeVar("T")

EVERY_S = 1.0
KEEP_ALIVE_S = 15.0
# How long a page waits for a value that is slow to compute.
SOON_S = 0.05


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment of a page, which is sent again when it changes.

    Attributes:
        name: The name of its event.
        html: Its HTML.
        key: What is compared to detect a change, if not the HTML; for a fragment that contains
            others, the list of these.
        inside: The name of the fragment that contains it, if any.
    """

    name: str
    html: str
    key: str | None = None
    inside: str = ""

    @property
    def digest(self) -> str:
        """A short hash, which changes with the fragment."""
        key = self.html if self.key is None else self.key
        return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:12]


Make = Callable[[], Awaitable[Sequence[Fragment]]]


def seen(pieces: Sequence[Fragment]) -> str:
    """Returns the names and digests of a page's fragments, for the URL of its events."""
    return ",".join(f"{piece.name}.{piece.digest}" for piece in pieces)


def by_name(pieces: Sequence[Fragment]) -> dict[str, str]:
    """Returns the HTML of each fragment, by name."""
    return {piece.name: piece.html for piece in pieces}


async def events(make: Make, shown: str) -> AsyncIterator[bytes]:
    """Yields an event for each fragment that has changed since the page showed it.

    Args:
        make: Renders the current fragments.
        shown: The result of `seen` for the page as it was served.
    """
    known = dict(part.rpartition(".")[::2] for part in shown.split(","))
    sent_at = anyio.current_time()
    while True:
        try:
            pieces = await make()
        except NotFoundError:
            return  # the object that the page shows was deleted
        except RunnerError:
            pieces = ()  # the database is busy; try again in the next round
        chosen = _changed(known, pieces)
        for piece in chosen:
            yield event(piece.name, piece.html)
        known |= {piece.name: piece.digest for piece in pieces}
        if chosen:
            sent_at = anyio.current_time()
        elif anyio.current_time() - sent_at >= KEEP_ALIVE_S:
            sent_at = anyio.current_time()
            yield b": still here\n\n"
        await anyio.sleep(EVERY_S)


def _changed(known: Mapping[str, str], pieces: Sequence[Fragment]) -> list[Fragment]:
    """Returns the fragments to send, without those contained in another one of them."""
    changed = [piece for piece in pieces if known.get(piece.name) != piece.digest]
    names = {piece.name for piece in changed}
    return [piece for piece in changed if piece.inside not in names]


def event(name: str, html: str) -> bytes:
    """Returns one event; a lone carriage return would be a line end, so it is escaped."""
    lines = html.replace("\r", "&#13;").split("\n")
    data = "".join(f"data: {line}\n" for line in lines)
    return f"event: {name}\n{data}\n".encode("utf-8", "replace")


class Cached(Generic[T]):
    """A slow value, cached for ten times the duration of its computation.

    Args:
        compute: Computes the value.
    """

    def __init__(self, compute: Callable[[], Awaitable[T]]) -> None:
        self._compute = compute
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
            self._task = asyncio.create_task(self._refresh())
        return self._task

    async def _refresh(self) -> None:
        began = anyio.current_time()
        self._value = [await self._compute()]
        ended = anyio.current_time()
        self._until = ended + 10 * (ended - began)
