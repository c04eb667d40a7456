"""Adds the ``Date`` header (RFC 9110, 5.6.7) to every reply, from the simulator's clock."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class DateStamp:
    """Formats the current ``Date`` header; `now` returns ms since the epoch, UTC."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._second = -1
        self._header = (b"date", b"")

    def header(self) -> tuple[bytes, bytes]:
        """Returns the header's name and value; the value is formatted once a second."""
        second = self._now() // 1000
        if second != self._second:
            self._second = second
            self._header = (b"date", formatdate(second, usegmt=True).encode("ascii"))
        return self._header


class DateHeader:
    """ASGI middleware that adds the ``Date`` header to replies."""

    def __init__(self, app: ASGIApp, stamp: DateStamp) -> None:
        self._app = app
        self._stamp = stamp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and adds the header to its reply."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [self._stamp.header(), *message["headers"]]}
            await send(message)

        await self._app(scope, receive, send_dated)
