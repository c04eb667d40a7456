"""Detects connection checks of chat clients, which are paid calls, and caches their answers.

Cherry Studio's check sends ``test`` as the system message and ``hi``, or ``test`` to an embedding
model, for every model and key. Checks never wait for allowance, and one that is repeated within
five minutes is answered from the cache.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from runner.app.accounts.clients import Client
from runner.server.replies import JSON, Headers

REMEMBERED_S = 300.0
MOST_REMEMBERED = 256
_CHECK_MESSAGES = ["test", "hi"]

_Key = tuple[str, str, bytes]


def is_check(url: str, body: Mapping[str, Any]) -> bool:
    """Whether a call is certainly a connection check."""
    match url:
        case "/v1/embeddings":
            return body.get("input") in ("test", ["test"])
        case "/v1/chat/completions":
            messages = body.get("messages")
            if not isinstance(messages, list) or len(messages) != len(_CHECK_MESSAGES):
                return False
            return [_text(message) for message in messages] == _CHECK_MESSAGES
        case _:
            return False


def _text(message: Any) -> str | None:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0].get("text")
    return content.strip().lower() if isinstance(content, str) else None


@dataclass(frozen=True, slots=True)
class Remembered:
    """A cached answer to a check; it is valid until `until` on the loop's clock, in s."""

    body: bytes
    until: float

    def as_reply(self) -> tuple[bytes, Headers]:
        """Returns the body and the headers, which mark the answer as cached."""
        return self.body, [JSON, (b"x-midnight-memory", b"check")]


class Checks:
    """The cache of recent answers to checks."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._answers: OrderedDict[_Key, Remembered] = OrderedDict()

    def known(self, client: Client, url: str, data: bytes) -> Remembered | None:
        """Returns the cached answer to the same check; None if there is none or it is too old."""
        answer = self._answers.get(_key(client, url, data))
        return answer if answer is not None and anyio.current_time() < answer.until else None

    def remember(self, client: Client, url: str, data: bytes, answer: bytes) -> None:
        """Caches an answer."""
        if self._enabled:
            until = anyio.current_time() + REMEMBERED_S
            self._answers[_key(client, url, data)] = Remembered(answer, until)
            while len(self._answers) > MOST_REMEMBERED:
                self._answers.popitem(last=False)


def _key(client: Client, url: str, data: bytes) -> _Key:
    return client.name, url, hashlib.sha256(data).digest()
