"""Requests that somebody else has written: how the reply to each kind is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from runner.core.verdict import Reply
from runner.providers import embeddings, images, openai
from runner.providers.transport import MOST_REPLY_BYTES

Read = Callable[[int, Mapping[str, str], bytes], Reply]

STREAMED = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/responses"})
"""The addresses whose replies may be streams."""


def reader_of(url: str, body: Mapping[str, Any]) -> tuple[Read, int]:
    """How the reply to `body` at `url` is read, and how large it may be."""
    match url:
        case "/v1/embeddings":
            count = embeddings.inputs_in(body)
            return partial(embeddings.read_reply, count), embeddings.most_bytes(count)
        case "/v1/images/generations":
            return images.read_reply, images.MOST_REPLY_BYTES
        case "/v1/chat/completions":
            return openai.read_reply, MOST_REPLY_BYTES
        case _:
            return read_any, MOST_REPLY_BYTES


def read_any(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """A reply that is handed on as it is; never raises."""
    return openai.read_any(status, headers, body, _answer)


def _answer(status: int, headers: Mapping[str, str], data: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = openai.read_usage(data)
    return Reply(
        status,
        headers,
        content="",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )
