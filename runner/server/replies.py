"""Replies as ASGI messages: JSON, and errors in OpenAI's envelope.

They are sent as bare messages, since Starlette's own would cost more than all else that a call
needs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from runner.app.refusals import INVALID, Refusal

Headers = Iterable[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
# So long may the body of a call take to come.
LONGEST_BODY_S = 120.0


async def send_json(send: Send, value: Any, status: int = 200, headers: Headers = ()) -> None:
    """Send a JSON value."""
    await send_whole(send, status, orjson.dumps(value), [JSON, *headers])


async def send_whole(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Send a reply at once."""
    told = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})


def envelope(refusal: Refusal) -> bytes:
    """The body of a refusal."""
    if refusal.body:
        return refusal.body
    error = {
        "message": refusal.message,
        "type": refusal.kind,
        "param": refusal.param,
        "code": refusal.code,
    }
    return orjson.dumps({"error": error})


async def send_refusal(send: Send, refusal: Refusal, headers: Headers = ()) -> None:
    """Send a refusal: nothing is gained by asking again before it says so."""
    told = [JSON, (b"x-should-retry", b"false"), *headers]
    if refusal.retry_after_s is not None:
        told.append((b"retry-after", b"%d" % refusal.retry_after_s))
    await send_whole(send, refusal.status, envelope(refusal), told)


class Problem(Exception):  # noqa: N818 - it is a reply
    """A request is answered by a refusal, wherever in its handling that is found."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def invalid(
    message: str, *, status: int = 400, code: str | None = None, param: str | None = None
) -> Problem:
    """A request that is wrong."""
    return Problem(Refusal(status, message, INVALID, code, param))


async def read_body(receive: Receive, limit_bytes: int) -> bytes | None:
    """The body of a request; None: the client has left before its end.

    Raises:
        Problem: It is larger than is allowed, or does not come.
    """
    try:
        async with asyncio.timeout(LONGEST_BODY_S):
            return await _whole_body(receive, limit_bytes)
    except TimeoutError:
        raise invalid("the request did not come in time", status=408) from None


async def _whole_body(receive: Receive, limit_bytes: int) -> bytes | None:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise invalid(f"the request is larger than {limit_bytes:,} bytes", status=413)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def json_object(data: bytes) -> dict[str, Any]:
    """The JSON object that is the body of a request.

    Raises:
        Problem: It is none.
    """
    try:
        body: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise invalid("the body is not a JSON object")
    return body


def header(scope: Scope, name: bytes) -> str | None:
    """A header of a request, by its name in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
