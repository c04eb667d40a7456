"""Maps clients' requests to the provider's endpoints and the readers of their replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from runner.core.verdict import Kind, Reply, Scope, Verdict
from runner.providers import embeddings, images, openai, responses
from runner.providers.transport import MOST_REPLY_BYTES

# Optional endpoints: a 404 may mean that the provider lacks the endpoint and not the model.
_OPTIONAL = ("/completions", "/responses")
_UNKNOWN = (404, 405, 501)


class Forwarded(NamedTuple):
    """A client's request for the provider, and the reader of its reply.

    Attributes:
        path: The path after the base URL.
        body: The body to send.
        read: Parses the reply.
        limit_bytes: The size limit of the reply.
    """

    path: str
    body: Mapping[str, Any]
    read: Callable[[int, Mapping[str, str], bytes], Reply]
    limit_bytes: int = MOST_REPLY_BYTES


def prepare_forward(url: str, body: Mapping[str, Any]) -> Forwarded:
    """Prepares a client's request for `url`, a path of OpenAI's API such as ``/v1/embeddings``."""
    path = url.removeprefix("/v1")
    if path == "/embeddings":
        count = embeddings.count_inputs(body)
        read = partial(embeddings.read_reply, count)
        return Forwarded(path, body, read, embeddings.max_reply_bytes(count))
    if path == "/images/generations":
        return Forwarded(path, body, images.read_reply, images.MOST_REPLY_BYTES)
    read_reply = responses.read_reply if path == "/responses" else openai.read_reply
    return Forwarded(path, {"stream": False, **body}, read_reply)


def adjust_verdict(path: str, verdict: Verdict, reply: Reply | None) -> Verdict:
    """Returns the verdict, or a rejection if the provider may not have the endpoint `path`."""
    unknown = reply is not None and reply.status in _UNKNOWN and "model" not in reply.code
    if path not in _OPTIONAL or not unknown or verdict.scope is Scope.ACCOUNT:
        return verdict
    remedy = f"the provider may not have /v1{path}: use another account"
    return replace(verdict, kind=Kind.REJECTED, scope=None, remedy=remedy)
