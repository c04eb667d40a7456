"""Pages that change by themselves: their pieces, sent as events when they are not as they were."""

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
# How long a page waits for a value that takes long to compute.
SOON_S = 0.05


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a page that is sent again when it has changed.

    Attributes:
        name: Of its event.
        html: What is shown.
        key: What tells whether it has changed, if not its HTML: of a list that holds other pieces,
            what it is made of.
        inside: The piece that it is a part of, if it is.
    """

    name: str
    html: str
    key: str | None = None
    inside: str = ""

    @property
    def digest(self) -> str:
        """A short hash of what tells whether it has changed."""
        key = self.html if self.key is None else self.key
        return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:12]


Make = Callable[[], Awaitable[Sequence[Piece]]]


def seen(pieces: Sequence[Piece]) -> str:
    """What a page shows, for the address of its events."""
    return ",".join(f"{one.name}.{one.digest}" for one in pieces)


def by_name(pieces: Sequence[Piece]) -> dict[str, str]:
    """The HTML of each piece."""
    return {one.name: one.html for one in pieces}


async def events(make: Make, shown: str) -> AsyncIterator[bytes]:
    """The pieces as events, each when it has changed since the page showed it.

    Args:
        make: Makes the pieces as they are now.
        shown: What `seen` has told of the page.
    """
    known = dict(part.rpartition(".")[::2] for part in shown.split(","))
    sent_at = anyio.current_time()
    while True:
        try:
            pieces = await make()
        except NotFoundError:
            return  # what the page is about was deleted
        except RunnerError:
            pieces = ()  # the database is busy for the moment
        chosen = _changed(known, pieces)
        for piece in chosen:
            yield event(piece.name, piece.html)
        known |= {one.name: one.digest for one in pieces}
        if chosen:
            sent_at = anyio.current_time()
        elif anyio.current_time() - sent_at >= KEEP_ALIVE_S:
            sent_at = anyio.current_time()
            yield b": still here\n\n"
        await anyio.sleep(EVERY_S)


def _changed(known: Mapping[str, str], pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces to send; what is inside one of them comes with it."""
    changed = [one for one in pieces if known.get(one.name) != one.digest]
    names = {one.name for one in changed}
    return [one for one in changed if one.inside not in names]


def event(name: str, html: str) -> bytes:
    """One event; a lone carriage return would end a line of it."""
    lines = html.replace("\r", "&#13;").split("\n")
    data = "".join(f"data: {line}\n" for line in lines)
    return f"event: {name}\n{data}\n".encode("utf-8", "replace")


class Cached(Generic[T]):
    """A value that takes long to compute, cached for ten times as long as that took.

    Args:
        find: Computes it.
    """

    def __init__(self, find: Callable[[], Awaitable[T]]) -> None:
        self._find = find
        self._finding: asyncio.Task[None] | None = None
        self._found: list[T] = []
        self._until = 0.0

    async def get(self) -> T:
        """The value, computed now if the cached one is too old."""
        if self._is_due:
            await asyncio.shield(self._start())
        return self._found[0]

    async def soon(self) -> T | None:
        """The value; an older one, or None, if computing it takes longer than `SOON_S`."""
        if self._is_due:
            finding = self._start()
            await asyncio.wait({finding}, timeout=SOON_S)
            if finding.done():
                finding.result()
        return self._found[0] if self._found else None

    @property
    def _is_due(self) -> bool:
        return not self._found or anyio.current_time() >= self._until

    def _start(self) -> asyncio.Task[None]:
        """Begin to compute the value, once for all callers, whether they wait for it or not."""
        if self._finding is None or self._finding.done():
            self._finding = asyncio.create_task(self._find_out())
        return self._finding

    async def _find_out(self) -> None:
        began = anyio.current_time()
        self._found = [await self._find()]
        ended = anyio.current_time()
        self._until = ended + 10 * (ended - began)
