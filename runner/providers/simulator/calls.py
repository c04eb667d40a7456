"""The endpoints of calls: each waits as long as an outcome says, and sends what it says.

It is written against bare ASGI, since a reply that breaks off or never comes is no `Response`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from runner.providers.simulator.outcome import Outcome
from runner.providers.simulator.paintings import read_image
from runner.providers.simulator.requests import Form, bearer, read_chat
from runner.providers.simulator.simulator import Simulator
from runner.providers.simulator.vectors import read_embedding


def form_of_chat(_request: Request) -> Form:
    """Return the form of ``POST /v1/chat/completions``."""
    return read_chat


def form_of_embedding(_request: Request) -> Form:
    """Return the form of ``POST /v1/embeddings``."""
    return read_embedding


def form_of_image(request: Request) -> Form:
    """Return the form of ``POST /v1/images/generations``, which a header makes a task."""
    in_task = request.headers.get("x-modelscope-async-mode", "").lower() == "true"
    return partial(read_image, in_task=in_task, origin=str(request.base_url).rstrip("/"))


class CallEndpoint:
    """An ASGI application for calls of one form."""

    def __init__(self, simulator: Simulator, form_of: Callable[[Request], Form]) -> None:
        self._simulator = simulator
        self._form_of = form_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reply to one call, or break off, or never begin."""
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        token = bearer(request.headers.get("authorization"))
        with self._simulator.call(token, body, self._form_of(request)) as outcome:
            await anyio.sleep(outcome.delay_ms / 1000)
            await _deliver(outcome, receive, send)


async def _deliver(outcome: Outcome, receive: Receive, send: Send) -> None:
    match outcome.ending:
        case "whole":
            await _send(outcome, send)
        case "dropped":
            # Half the body promised and nothing after it: the server has to close the connection.
            await _send(outcome, send, length=len(outcome.body) // 2)
        case "silent":
            await _wait_for_disconnect(receive)


async def _send(outcome: Outcome, send: Send, length: int | None = None) -> None:
    fields = (
        ("content-type", outcome.content_type),
        ("content-length", str(len(outcome.body))),
        *outcome.headers,
    )
    headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in fields]
    await send({"type": "http.response.start", "status": outcome.status, "headers": headers})
    body = outcome.body[:length]
    await send({"type": "http.response.body", "body": body, "more_body": length is not None})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
