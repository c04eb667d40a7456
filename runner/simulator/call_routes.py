"""The ASGI endpoints of calls, which carry out the planned replies.

They use bare ASGI, because a `Response` cannot break off or be withheld, and Starlette's routing
and request objects would cost more than the rest of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from runner.simulator.chat import read_chat
from runner.simulator.date_header import DateStamp
from runner.simulator.embeddings import read_embedding
from runner.simulator.images import read_image
from runner.simulator.other_shapes import read_completion, read_response
from runner.simulator.provider import SimulatedProvider
from runner.simulator.reply_plan import ReplyPlan
from runner.simulator.requests import RequestReader, bearer_token

_EVENT_END = b"\n\n"
_EVENT_GAP_S = 0.005  # pause between two events of a stream

ReaderFactory = Callable[[Scope], RequestReader]
"""Returns the reader of a request's body, which may depend on the request's headers."""


def _chat(_scope: Scope) -> RequestReader:
    return read_chat


def _completion(_scope: Scope) -> RequestReader:
    return read_completion


def _response(_scope: Scope) -> RequestReader:
    return read_response


def _embedding(_scope: Scope) -> RequestReader:
    return read_embedding


def _image(scope: Scope) -> RequestReader:
    """Returns the reader of a call for images; a header says whether it starts a task."""
    in_task = (_header(scope, b"x-modelscope-async-mode") or "").lower() == "true"
    origin = str(Request(scope).base_url).rstrip("/")
    return partial(read_image, in_task=in_task, origin=origin)


CALL_PATHS: Mapping[str, ReaderFactory] = MappingProxyType(
    {
        "/v1/chat/completions": _chat,
        "/v1/embeddings": _embedding,
        "/v1/images/generations": _image,
        "/v1/completions": _completion,
        "/v1/responses": _response,
    }
)


class CallRoute:
    """An ASGI application for calls of one kind."""

    def __init__(
        self, provider: SimulatedProvider, reader: ReaderFactory, stamp: DateStamp
    ) -> None:
        self._provider = provider
        self._reader = reader
        self._stamp = stamp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one call: sends the reply, breaks it off, or sends none, according to its plan."""
        body = await _read_body(receive)
        if body is None:
            return
        provider, token = self._provider, bearer_token(_header(scope, b"authorization"))
        call, answered = provider.begin(token, body, self._reader(scope)), False
        try:
            await asyncio.sleep(call.plan.delay_ms / 1000)
            await self._deliver(call.plan, receive, send)
            answered = True
        finally:
            provider.end(call, answered=answered)

    async def _deliver(self, plan: ReplyPlan, receive: Receive, send: Send) -> None:
        match plan.delivery:
            case "whole" if plan.content_type == "text/event-stream":
                await self._send_events(plan, send)
            case "whole":
                await self._send(plan, send, plan.body, more_body=False)
            case "dropped":
                # More body is announced and never sent, so the server closes the connection.
                await self._send(plan, send, plan.body[: len(plan.body) // 2], more_body=True)
            case "silent":
                await _wait_for_disconnect(receive)

    async def _send_events(self, plan: ReplyPlan, send: Send) -> None:
        """Sends a stream, one event at a time."""
        headers = [self._stamp.header(), (b"content-type", plan.content_type.encode("ascii"))]
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in plan.headers]
        await send({"type": "http.response.start", "status": plan.status, "headers": headers})
        for event in plan.body.split(_EVENT_END)[:-1]:
            await send(
                {"type": "http.response.body", "body": event + _EVENT_END, "more_body": True}
            )
            await asyncio.sleep(_EVENT_GAP_S)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, plan: ReplyPlan, send: Send, body: bytes, *, more_body: bool) -> None:
        headers = [
            self._stamp.header(),
            (b"content-type", plan.content_type.encode("ascii")),
            (b"content-length", b"%d" % len(plan.body)),
        ]
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in plan.headers]
        await send({"type": "http.response.start", "status": plan.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": more_body})


async def _read_body(receive: Receive) -> bytes | None:
    """Returns the body of the request; None if the client disconnected before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
