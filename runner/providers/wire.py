"""One HTTP exchange, and whether it left this machine: the only file that knows httpx.

The transport under the client is a choice: a socket, or an app mounted in this process.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

# The command line that comes with httpx, which it goes without, would load click, pygments and
# rich, and cost a run that waits for midnight 2.5 MB.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: not to be imported

import httpx  # noqa: E402

CONNECT_TIMEOUT_S = 20.0
# Failures before the first byte of the request was written: nothing can have been charged.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: status, headers (names in lower case), and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request provably never left this machine."""

    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The request may have arrived, but no whole reply came back."""

    why: str


class Wire:
    """A connection pool to one provider."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Response | NotSent | Broken:
        """Send `body`; an outcome is a value, whatever happens on the way."""
        return await self._send("POST", url, headers, body, timeout_s)

    async def get(
        self, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> Response | NotSent | Broken:
        """Ask for `url`."""
        return await self._send("GET", url, headers, None, timeout_s)

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
    ) -> Response | NotSent | Broken:
        try:
            with anyio.fail_after(timeout_s):
                reply = await self._client.request(method, url, headers=dict(headers), content=body)
        except TimeoutError:
            return Broken(f"no reply within {timeout_s:g} s")
        except _NOT_SENT as error:
            return NotSent(_in_words(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Broken(_in_words(error))
        return Response(
            reply.status_code,
            {name.lower(): value for name, value in reply.headers.items()},
            reply.content,
        )


@asynccontextmanager
async def open_wire(
    transport: httpx.AsyncBaseTransport | None = None, *, connections: int = 64
) -> AsyncIterator[Wire]:
    """A wire over `transport`, or over sockets if there is none."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
    async with httpx.AsyncClient(transport=transport, limits=limits, timeout=timeout) as client:
        yield Wire(client)


def _in_words(error: Exception) -> str:
    said = str(error) or "no details"
    return f"{type(error).__name__}: {said}"
