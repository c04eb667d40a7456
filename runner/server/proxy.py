"""Proxies clients' calls: reads them, hands them to the engine, and relays the provider's answers.

Each request is one task. The call itself belongs to the engine, which settles it even if the client
disconnects.
"""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import orjson
from starlette.types import Receive, Scope, Send

from runner.app.accounts.clients import Client
from runner.app.serving.gateway import Gateway
from runner.app.serving.refusals import Refusal
from runner.core.verdict import succeeded
from runner.engine.client_call import Answered, ClientRequest, Streaming
from runner.jobfile.request_url import URLS
from runner.server import limits
from runner.server.checks import Checks, is_check
from runner.server.numbers import number_of
from runner.server.replies import (
    JSON,
    Headers,
    as_event,
    envelope,
    header,
    invalid,
    json_object,
    read_body,
    send_refusal,
    send_whole,
)

CALLS = frozenset[str](URLS)
"""The paths of calls."""

# Large, because images in messages are sent in base64.
MOST_BODY_BYTES = 32 << 20
_EVENTS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
# The interval of comments that keep a stream alive while it waits for allowance.
KEEP_ALIVE_S = 15.0
_KEEP_ALIVE = b": waiting\n\n"
_DONE = as_event(b"[DONE]")


class Proxy:
    """Handles calls."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._checks = Checks(enabled=gateway.settings.serve.remember_checks)

    async def answer(
        self, client: Client, scope: Scope, receive: Receive, send: Send, url: str
    ) -> None:
        """Handles one call.

        Raises:
            Problem: The request is invalid.
        """
        data = await read_body(receive, MOST_BODY_BYTES)
        if data is None:
            return
        body = _read(data)
        check = is_check(url, body)
        if check and (known := self._checks.known(client, url, data)) is not None:
            await send_whole(send, 200, *known.as_reply())
            return
        stream = body.get("stream") is True
        waits_ms = 0 if check else _waits_ms(scope)
        request = await self._gateway.ask(client, url, body, stream=stream, waits_ms=waits_ms)
        if isinstance(request, Refusal):
            await send_refusal(send, request)
            return
        reply = _Reply(self._gateway, request, send, body["model"])
        watch = asyncio.ensure_future(_leave_with_client(receive, reply))
        try:
            if stream:
                await reply.stream()
            elif url == "/v1/images/generations":
                await reply.images(as_base64=body.get("response_format") == "b64_json")
            else:
                answer = await reply.whole()
                if check and answer is not None:
                    self._checks.remember(client, url, data, answer)
        finally:
            watch.cancel()
            request.leave()


class _Reply:
    """The reply to one call."""

    def __init__(self, gateway: Gateway, request: ClientRequest, send: Send, model: str) -> None:
        self._gateway = gateway
        self._request = request
        self._send = send
        self._model = model
        self._image_wait = anyio.CancelScope()

    def leave(self) -> None:
        """Abandons the call, and the wait for its images; the engine settles the call."""
        self._request.leave()
        self._image_wait.cancel()

    async def whole(self) -> bytes | None:
        """Sends the answer unchanged; returns it, or None if there is none."""
        answered = await self._answered()
        if answered is None:
            return None
        body = answered.result.body.encode()
        status = answered.result.reply.status if answered.result.reply else 200
        await send_whole(self._send, status, body, [JSON, *self._headers(answered.route[1])])
        return body if succeeded(status) else None

    async def images(self, *, as_base64: bool) -> None:
        """Sends the images, after waiting for the provider's task if there is one."""
        answered = await self._answered()
        if answered is None:
            return
        with self._image_wait:
            result = await self._gateway.images(answered, as_base64=as_base64)
        if self._request.has_left:
            return
        if isinstance(result, Refusal):
            await send_refusal(self._send, result)
            return
        await send_whole(self._send, 200, result, [JSON, *self._headers(answered.route[1])])

    async def _answered(self) -> Answered | None:
        """Returns the answer; None if there is none, after a refusal was sent."""
        outcome = await self._request.outcome()
        if self._request.has_left:
            return None
        refusal = self._gateway.refusal(outcome, self._model)
        if refusal is not None:
            await send_refusal(self._send, refusal)
            return None
        assert isinstance(outcome, Answered)  # noqa: S101 - a stream was not requested
        return outcome

    async def stream(self) -> None:
        """Relays a stream. The response starts early if the call waits long for allowance."""
        begun = await self._await_outcome()
        outcome = await self._request.outcome()
        if self._request.has_left:
            return
        if (refusal := self._gateway.refusal(outcome, self._model)) is not None:
            if begun:
                await self._send_chunk(as_event(envelope(refusal)), last=True)
            else:
                await send_refusal(self._send, refusal)
        elif isinstance(outcome, Streaming):
            await self._relay(outcome, begun=begun)
        elif isinstance(outcome, Answered):
            await self._begin(outcome.route[1], begun=begun)
            await self._send_chunk(as_events(outcome.result.body), last=True)

    async def _await_outcome(self) -> bool:
        """Keeps the connection alive until there is an outcome; returns if the response started."""
        begun = False
        while not self._request.has_outcome:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await self._request.outcome()
            except TimeoutError:
                if not begun:
                    await self._begin(self._model, begun=False)
                    begun = True
                await self._send_chunk(_KEEP_ALIVE)
        return begun

    async def _relay(self, stream: Streaming, *, begun: bool) -> None:
        await self._begin(stream.route[1], begun=begun)
        async with stream.pieces as pieces:
            async for piece in pieces:
                await self._send_chunk(piece)
        if self._request.has_left:
            return
        why = stream.broken_off()
        error = Refusal(502, f"the provider's stream broke off: {why}", "server_error")
        await self._send_chunk(as_event(envelope(error)) if why else b"", last=True)

    async def _begin(self, model: str, *, begun: bool) -> None:
        if not begun:
            headers = [*_EVENTS, *self._headers(model)]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _send_chunk(self, data: bytes, *, last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    def _headers(self, model: str) -> Headers:
        return ((b"x-midnight-model", model.encode("utf-8", "replace")),)


def as_events(body: str) -> bytes:
    """Returns a whole answer as a stream, for a provider that does not stream."""
    try:
        reply = orjson.loads(body)
        choices = [
            {
                "index": choice.get("index", number),
                "delta": choice.get("message") or {"content": choice.get("text", "")},
                "finish_reason": choice.get("finish_reason"),
            }
            for number, choice in enumerate(reply["choices"])
        ]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return as_event(body.encode()) + _DONE
    chunk = {**reply, "object": "chat.completion.chunk", "choices": choices}
    return as_event(orjson.dumps(chunk)) + _DONE


def _read(data: bytes) -> dict[str, Any]:
    """Parses the body of a call.

    Raises:
        Problem: The body is invalid, or names no model.
    """
    body = json_object(data)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("you must provide a model parameter", param="model")
    return body


def _waits_ms(scope: Scope) -> int | None:
    """Returns the longest wait for allowance that a request asks for, in ms; None if it does not.

    Raises:
        Problem: It is not a number.
    """
    text = header(scope, b"x-midnight-wait")
    if text is None:
        return None
    seconds = number_of(text.strip())
    if seconds is None or seconds > limits.LONGEST_WAIT_S:
        raise invalid("X-Midnight-Wait is a number of seconds", param="X-Midnight-Wait")
    return seconds * 1000


async def _leave_with_client(receive: Receive, reply: _Reply) -> None:
    """Abandons the call when its client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass
    reply.leave()
