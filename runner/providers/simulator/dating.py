"""The ``Date`` of every reply, by the simulator's clock rather than the host's.

It knows the header's format (RFC 9110, 5.6.7) and nothing of what it is put on.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class DateHeader:
    """ASGI middleware that dates replies; `now` returns milliseconds since the epoch, UTC."""

    def __init__(self, app: ASGIApp, now: Callable[[], int]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and date the reply."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                stamp = formatdate(self._now() / 1000, usegmt=True).encode("ascii")
                message = {**message, "headers": [(b"date", stamp), *message["headers"]]}
            await send(message)

        await self._app(scope, receive, send_dated)
