"""Servers that break an exchange in every way, on real sockets, and the transports that meet them.

A server here is scripted byte by byte, in the test's own event loop: no library stands between
the test and the fault.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, TypeVar

import pytest

from runner.providers.transport import Transport, open_transport
from runner.providers.transport.opening import HTTPX, PYREQWEST

INSTALLED = [kind for kind in (PYREQWEST, HTTPX) if find_spec(kind)]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
T = TypeVar("T")


@dataclass
class Connection:
    """One connection, from the server's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> tuple[bytes, bytes]:
        """The head and the body of the next request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head, await self.reader.readexactly(int(length[1]) if length else 0)

    async def send(self, data: bytes) -> None:
        """Send `data` as it stands."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """Close the connection in good order."""
        self.writer.close()

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def stay(self) -> None:
        """Keep the connection open until the other side closes it."""
        await self.reader.read()


Script = Callable[[Connection], Awaitable[None]]


@dataclass
class Server:
    """A server on a port of its own; it counts connections and whole requests."""

    url: str = ""
    connections: int = 0
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)

    def body(self, index: int = -1) -> bytes:
        """The body of a request that arrived."""
        return self.requests[index][1]


@asynccontextmanager
async def serving(script: Script, ssl: Any = None) -> AsyncIterator[Server]:
    """Every connection is handled by `script`."""
    server = Server()
    tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        connection = Connection(reader, writer)
        plain = connection.request

        async def counted() -> tuple[bytes, bytes]:
            server.requests.append(await plain())
            return server.requests[-1]

        connection.request = counted  # type: ignore[method-assign]
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                await script(connection)
            writer.close()
        finally:
            if not writer.is_closing():
                writer.transport.abort()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    listening = await asyncio.start_server(
        handle, "127.0.0.1", 0, limit=2**20, ssl=ssl, backlog=256
    )
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if ssl else 'http'}://127.0.0.1:{port}/v1/chat/completions"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(params=INSTALLED)
def kind(request: pytest.FixtureRequest) -> str:
    """Each transport that is installed."""
    return str(request.param)


def run(
    kind: str,
    script: Script,
    main: Callable[[Transport, Server], Awaitable[T]],
    environ: Mapping[str, str] | None = None,
) -> T:
    """What `main` returns, given a transport of this kind and a server that follows `script`."""

    async def scene() -> T:
        async with (
            serving(script) as server,
            open_transport(kind=kind, environ=environ or {}) as transport,
        ):
            return await main(transport, server)

    return asyncio.run(scene())
