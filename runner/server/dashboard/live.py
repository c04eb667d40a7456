"""Live pages: their fragments are sent as server-sent events when they change."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio

from runner.errors import NotFoundError, RunnerError

EVERY_S = 1.0
KEEP_ALIVE_S = 15.0


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
