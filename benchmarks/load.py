"""What the measuring server bears: calls a second from a client that does nothing with replies.

    python benchmarks/load.py PORT [SECONDS [CONNECTIONS]]

Every connection sends the same bytes again as soon as a whole reply has come. A client that is
measured against the server must stay well below this figure, or it measures the server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import server


class Caller(asyncio.Protocol):
    """One connection with one call in flight."""

    request = b""
    reply_length = len(server.answered(()))

    def __init__(self) -> None:
        self.calls = 0
        self._seen = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first call."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Counts a complete reply, and sends the next call."""
        self._seen += len(data)
        if self._seen >= self.reply_length and self._transport is not None:
            self._seen -= self.reply_length
            self.calls += 1
            self._transport.write(self.request)


def request_to(port: int) -> bytes:
    """Returns a chat request like the ones that the clients send."""
    messages = [{"role": "user", "content": "Review: the room was clean and the staff kind"}]
    body = json.dumps({"model": "benchmark", "messages": messages}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def load(port: int, seconds: float, connections: int) -> None:
    """Prints the calls a second."""
    Caller.request = request_to(port)
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Caller, "127.0.0.1", port) for _ in range(connections)]
    begun, before = time.perf_counter(), sum(caller.calls for _, caller in made)
    await asyncio.sleep(seconds)
    calls = sum(caller.calls for _, caller in made) - before
    print(round(calls / (time.perf_counter() - begun)))
    for transport, _ in made:
        transport.abort()


def main() -> None:
    """Reads the arguments, and loads the server."""
    port, *rest = map(int, sys.argv[1:])
    seconds, connections = [*rest, *(2, 64)[len(rest) :]]
    server.run(load(port, seconds, connections))


if __name__ == "__main__":
    main()
