"""An httpx transport that hands requests to an ASGI application on the running loop.

It knows how a lost connection, a crash and a time-out look to an httpx client. It opens no
socket, starts no thread or task, and sets no timer but the caller's, so it works on an event
loop whose time is virtual.
"""

from __future__ import annotations

from typing import Any

import anyio
import httpx
from starlette.types import ASGIApp, Message


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Calls `app` in-process; one request runs wholly inside the task that sent it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the application's reply.

        Raises:
            httpx.ReadTimeout: It did not reply within the request's read time-out.
            httpx.ReadError: It raised.
            httpx.RemoteProtocolError: It stopped before its reply was complete.
        """
        exchange = _Exchange(await request.aread())
        limit_s = request.extensions.get("timeout", {}).get("read")
        with anyio.move_on_after(limit_s) as scope:
            await self._run(request, exchange)
        if scope.cancelled_caught:
            raise httpx.ReadTimeout(f"no reply within {limit_s} s", request=request)
        return exchange.response(request)

    async def _run(self, request: httpx.Request, exchange: _Exchange) -> None:
        try:
            await self._app(_scope(request), exchange.receive, exchange.send)
        except Exception as error:
            raise httpx.ReadError(f"the server failed: {error!r}", request=request) from error


class _Exchange:
    """One request's body on its way in and the reply on its way out."""

    def __init__(self, body: bytes) -> None:
        self._request_body: bytes | None = body
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._complete = False

    async def receive(self) -> Message:
        """Give the request's body; then wait: the caller leaves by cancelling, not by a message."""
        if self._request_body is None:
            # Not anyio.sleep_forever: that sets timers for ever, and virtual time would run off.
            await anyio.Event().wait()
        body, self._request_body = self._request_body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Take a part of the reply."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = list(message["headers"])
        else:
            self._body += message.get("body", b"")
            self._complete = not message.get("more_body", False)

    def response(self, request: httpx.Request) -> httpx.Response:
        """Return the reply, if all of it was sent."""
        if not self._complete:
            broken = "peer closed connection without sending complete message body"
            raise httpx.RemoteProtocolError(broken, request=request)
        stream = httpx.ByteStream(bytes(self._body))
        return httpx.Response(self._status, headers=self._headers, stream=stream, request=request)


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }
