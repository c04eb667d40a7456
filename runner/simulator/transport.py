"""Implements an httpx transport that passes requests to an ASGI application in the same event loop.

It opens no socket, starts no task and sets no timer except the caller's read time-out, so it works
on an event loop with virtual time.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp, Message


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Calls `app` in-process. A request runs entirely in the task that sent it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Returns the application's reply.

        Raises:
            httpx.ReadTimeout: The application did not reply within the request's read time-out.
            httpx.ReadError: The application raised an exception.
            httpx.RemoteProtocolError: The application ended before its reply was complete.
        """
        exchange = _Exchange(await request.aread())
        limit_s = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(limit_s):
                await self._run(request, exchange)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"no reply within {limit_s} s", request=request) from error
        return exchange.response(request)

    async def _run(self, request: httpx.Request, exchange: _Exchange) -> None:
        try:
            await self._app(_scope(request), exchange.receive, exchange.send)
        except Exception as error:
            raise httpx.ReadError(f"the server failed: {error!r}", request=request) from error


class _Exchange:
    """The body of one request, and the part of its reply that has been sent."""

    __slots__ = ("_body", "_complete", "_headers", "_request_body", "_status")

    def __init__(self, body: bytes) -> None:
        self._request_body: bytes | None = body
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._complete = False

    async def receive(self) -> Message:
        """Returns the request's body; later calls wait for ever, until the caller cancels."""
        if self._request_body is None:
            # Not anyio.sleep_forever, which sets timers repeatedly and so advances virtual time.
            await asyncio.get_running_loop().create_future()
        body, self._request_body = self._request_body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Stores a part of the reply."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = message["headers"]
        else:
            self._body += message.get("body", b"")
            self._complete = not message.get("more_body", False)

    def response(self, request: httpx.Request) -> httpx.Response:
        """Returns the complete reply.

        Raises:
            httpx.RemoteProtocolError: The reply is incomplete.
        """
        if not self._complete:
            broken = "peer closed connection without sending complete message body"
            raise httpx.RemoteProtocolError(broken, request=request)
        stream = httpx.ByteStream(self._body)
        return httpx.Response(self._status, headers=self._headers, stream=stream, request=request)


def _scope(request: httpx.Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }
