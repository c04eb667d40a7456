"""Checks of connections, as chat clients make them: paid calls that ask nothing.

Cherry Studio's says ``test`` as the system and ``hi``, and asks embedding models for ``test``; its
health check does so for every model and key. They never wait for allowance. One that is repeated
within five minutes is answered from memory.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from runner.app.clients import Client
from runner.server.replies import JSON, Headers

REMEMBERED_S = 300.0
MOST_REMEMBERED = 256
_SAID = ["test", "hi"]

_Key = tuple[str, str, bytes]


def is_check(url: str, body: Mapping[str, Any]) -> bool:
    """Whether a call is plainly a check of a connection."""
    match url:
        case "/v1/embeddings":
            return body.get("input") in ("test", ["test"])
        case "/v1/chat/completions":
            messages = body.get("messages")
            if not isinstance(messages, list) or len(messages) != len(_SAID):
                return False
            return [_text(message) for message in messages] == _SAID
        case _:
            return False


def _text(message: Any) -> str | None:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0].get("text")
    return content.strip().lower() if isinstance(content, str) else None


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer to a check."""

    body: bytes
    until: float

    def as_reply(self, cors: Headers) -> tuple[bytes, Iterable[tuple[bytes, bytes]]]:
        """Its body and its headers, which say that it is from memory."""
        return self.body, [JSON, (b"x-midnight-memory", b"check"), *cors]


class Checks:
    """The answers to checks of late."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._answers: OrderedDict[_Key, Remembered] = OrderedDict()

    def known(self, client: Client, url: str, data: bytes) -> Remembered | None:
        """The answer to the same check, if there was one lately."""
        found = self._answers.get(_key(client, url, data))
        return found if found is not None and anyio.current_time() < found.until else None

    def remember(self, client: Client, url: str, data: bytes, answer: bytes) -> None:
        """Keep an answer for a while."""
        if self._enabled:
            until = anyio.current_time() + REMEMBERED_S
            self._answers[_key(client, url, data)] = Remembered(answer, until)
            while len(self._answers) > MOST_REMEMBERED:
                self._answers.popitem(last=False)


def _key(client: Client, url: str, data: bytes) -> _Key:
    return client.name, url, hashlib.sha256(data).digest()
