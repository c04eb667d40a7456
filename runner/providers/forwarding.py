"""Requests that somebody else has written: how the reply to each kind is read, and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from runner.core.verdict import Kind, Reply, Scope, Verdict
from runner.providers import embeddings, images, openai, responses
from runner.providers.transport import MOST_REPLY_BYTES

Read = Callable[[int, Mapping[str, str], bytes], Reply]

# Addresses that not every provider has; where one is unknown, it is no model that is not served.
_OPTIONAL = frozenset({"/v1/completions", "/v1/responses"})
_UNKNOWN = (404, 405, 501)

STREAMED = _OPTIONAL | {"/v1/chat/completions"}
"""The addresses whose replies may be streams."""


def reader_of(url: str, body: Mapping[str, Any]) -> tuple[Read, int]:
    """How the reply to `body` at `url` is read, and how large it may be."""
    match url:
        case "/v1/embeddings":
            count = embeddings.inputs_in(body)
            return partial(embeddings.read_reply, count), embeddings.most_bytes(count)
        case "/v1/images/generations":
            return images.read_reply, images.MOST_REPLY_BYTES
        case "/v1/responses":
            return responses.read_reply, MOST_REPLY_BYTES
        case _:
            return openai.read_reply, MOST_REPLY_BYTES


def judged(url: str, verdict: Verdict, reply: Reply | None) -> Verdict:
    """The verdict on the reply to a call of `url`: the provider may not have it."""
    unknown = reply is not None and reply.status in _UNKNOWN and "model" not in reply.code
    if url not in _OPTIONAL or not unknown or verdict.scope is Scope.ACCOUNT:
        return verdict
    remedy = f"the provider may not have {url}: use another account"
    return replace(verdict, kind=Kind.REJECTED, scope=None, remedy=remedy)
