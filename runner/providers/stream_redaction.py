"""Removes an account's token from a stream, also where it is split over several events.

An event is held back while the text so far ends in a part of the token, so ordinary text is not
delayed. A first part of the token that is too short to be told from other text has passed by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import orjson

from runner.providers.redaction import Redaction

# The fields that bring the text of an answer piece by piece, of every format.
_TEXTS = frozenset(
    {"content", "reasoning_content", "reasoning", "refusal", "text", "arguments", "delta"}
)
# What is held back is bounded, since another text of the stream may never go on.
MOST_HELD_EVENTS = 64
_MOST_HELD_BYTES = 64 << 10

Place = tuple[str | int, ...]
"""Where an event has a piece of a text: the keys that lead to it, and the indices of lists."""


@dataclass(slots=True)
class _Event:
    """An event that is held back: its bytes, its data, and the pieces of texts in it."""

    encoded: bytes
    data: Any
    pieces: dict[Place, str]


class StreamRedaction:
    """Redacts one stream."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._passed: dict[Place, str] = {}  # the end of each text that has passed
        self._held: list[_Event] = []

    def feed(self, event: bytes, data: bytes) -> bytes:
        """Takes the next event, with its data; returns what may pass."""
        if not self._redaction.is_secret or not data:
            return self._redaction.body(event)
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return self.flush() + self._redaction.body(event)
        pieces = {place: holder[key] for place, holder, key in _texts(chunk)}
        self._held.append(_Event(event, chunk, pieces))
        size = sum(len(held.encoded) for held in self._held)
        full = len(self._held) >= MOST_HELD_EVENTS or size > _MOST_HELD_BYTES
        return b"" if not full and self._is_open() else self.flush()

    def flush(self) -> bytes:
        """Returns what was held back, without the token."""
        held, self._held = self._held, []
        joined: dict[Place, str] = {}
        for event in held:
            for place, piece in event.pieces.items():
                joined[place] = joined.get(place, "") + piece
        changed = {}
        for place, text in joined.items():
            before = self._passed.get(place, "")
            whole = before + text
            cleaned = self._redaction.text(whole)
            if cleaned != whole:
                changed[place] = _behind(before, cleaned)
            self._passed[place] = self._redaction.end_of(whole)
        return b"".join(self._redaction.body(_changed(event, changed)) for event in held)

    def _is_open(self) -> bool:
        """Whether a text so far ends in a part of the token."""
        ends = dict[Place, str]()
        for event in self._held:
            for place, piece in event.pieces.items():
                end = ends.get(place) or self._passed.get(place, "")
                ends[place] = self._redaction.end_of(end + piece)
        return any(self._redaction.may_go_on(end) for end in ends.values())


def _texts(value: Any, at: Place = ()) -> Iterator[tuple[Place, dict[str, Any], str]]:
    """Returns the texts in the data of an event: each with its place, its object and its key."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                if key in _TEXTS:
                    yield (*at, key), value, key
            elif isinstance(item, dict | list):
                yield from _texts(item, (*at, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            index = item.get("index", number) if isinstance(item, dict) else number
            yield from _texts(item, (*at, index if isinstance(index, int) else number))


def _behind(passed: str, text: str) -> str:
    """Returns what is left of a text after what has passed, which cannot be taken back."""
    pairs = zip(passed, text, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return text[same:]


def _changed(event: _Event, changed: dict[Place, str]) -> bytes:
    """Returns an event with changed texts; each is taken by the first event that has its place."""
    if changed.keys().isdisjoint(event.pieces):
        return event.encoded
    for place, holder, key in list(_texts(event.data)):
        if place in changed:
            holder[key], changed[place] = changed[place], ""
    others = [line for line in event.encoded.splitlines() if line and line[:5] != b"data:"]
    return b"\n".join([*others, b"data: " + orjson.dumps(event.data)]) + b"\n\n"
