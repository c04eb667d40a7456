"""Requests that somebody else has written: where they go, and how their replies are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from runner.core.verdict import Kind, Reply, Scope, Verdict
from runner.providers import embeddings, images, openai, responses
from runner.providers.transport import MOST_REPLY_BYTES

# Of the addresses that not every provider has, an unknown one is no model that is not served.
_OPTIONAL = ("/completions", "/responses")
_UNKNOWN = (404, 405, 501)


class Forwarded(NamedTuple):
    """How one request is sent and read.

    Attributes:
        path: Behind the base URL.
        body: As it is sent.
        read: Reads the reply.
        limit_bytes: How large the reply may be.
    """

    path: str
    body: Mapping[str, Any]
    read: Callable[[int, Mapping[str, str], bytes], Reply]
    limit_bytes: int = MOST_REPLY_BYTES


def forwarded(url: str, body: Mapping[str, Any]) -> Forwarded:
    """How a request for `url`, an address of OpenAI's API, is sent and read."""
    path = url.removeprefix("/v1")
    if path == "/embeddings":
        count = embeddings.inputs_in(body)
        read = partial(embeddings.read_reply, count)
        return Forwarded(path, body, read, embeddings.most_bytes(count))
    if path == "/images/generations":
        return Forwarded(path, body, images.read_reply, images.MOST_REPLY_BYTES)
    read_reply = responses.read_reply if path == "/responses" else openai.read_reply
    return Forwarded(path, {"stream": False, **body}, read_reply)


def judged(path: str, verdict: Verdict, reply: Reply | None) -> Verdict:
    """The verdict on the reply to a call of `path`: the provider may not have it."""
    unknown = reply is not None and reply.status in _UNKNOWN and "model" not in reply.code
    if path not in _OPTIONAL or not unknown or verdict.scope is Scope.ACCOUNT:
        return verdict
    remedy = f"the provider may not have /v1{path}: use another account"
    return replace(verdict, kind=Kind.REJECTED, scope=None, remedy=remedy)
