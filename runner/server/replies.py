"""Replies as ASGI messages: JSON, and errors in OpenAI's format.

They are sent as plain messages because Starlette's response classes cost more than everything else
that the server does for a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.types import Message, Receive, Scope, Send

from runner.app.serving.refusals import INVALID, Refusal

Headers = Sequence[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
_ON_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
# The longest time that a client may take to send a body.
LONGEST_BODY_S = 120.0


def with_headers(send: Send, headers: Headers) -> Send:
    """Returns `send` that adds these headers to the response."""

    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return send_with if headers else send


async def send_json(send: Send, value: Any, status: int = 200) -> None:
    """Sends a value as JSON."""
    await send_whole(send, status, orjson.dumps(value), [JSON])


async def send_whole(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Sends a complete response."""
    with_length = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": with_length})
    await send({"type": "http.response.body", "body": body})


def envelope(refusal: Refusal) -> bytes:
    """Returns the body of a refusal, in OpenAI's format."""
    if refusal.body:
        return refusal.body
    error = {
        "message": refusal.message,
        "type": refusal.kind,
        "param": refusal.param,
        "code": refusal.code,
    }
    return orjson.dumps({"error": error})


def as_event(data: bytes) -> bytes:
    """Returns JSON as a server-sent event, on one line.

    Within JSON, line breaks stand between tokens only, so that spaces replace them.
    """
    return b"data: %b\n\n" % data.translate(_ON_ONE_LINE)


async def send_refusal(send: Send, refusal: Refusal) -> None:
    """Sends a refusal. It tells OpenAI's clients not to retry before `retry-after`."""
    headers = [JSON, (b"x-should-retry", b"false")]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    await send_whole(send, refusal.status, envelope(refusal), headers)


class Problem(Exception):  # noqa: N818 - it is a reply
    """Aborts the handling of a request with a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def invalid(
    message: str, *, status: int = 400, code: str | None = None, param: str | None = None
) -> Problem:
    """Returns the exception for an invalid request."""
    return Problem(Refusal(status, message, INVALID, code, param))


async def read_body(receive: Receive, limit_bytes: int) -> bytes | None:
    """Returns the body of a request; None if the client disconnects before its end.

    Raises:
        Problem: It is too large, or does not arrive in time.
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
    """Parses the body of a request as a JSON object.

    Raises:
        Problem: It is not a JSON object.
    """
    try:
        body: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise invalid("the body is not a JSON object")
    return body


def header(scope: Scope, name: bytes) -> str | None:
    """Returns a header of a request, by its name in lower case; None if it is missing."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
