"""One HTTP exchange, and whether it left this machine: the only file that knows httpx.

The transport under the client is a choice: a socket, or an app mounted in this process.
"""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

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


_DIGITS = re.compile(r"[0-9]{1,18}")

T = TypeVar("T")


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
class NoReply:
    """The request may have arrived, but no whole reply came back."""

    why: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The reply's body is larger than was allowed; the rest of it was not read."""

    limit_bytes: int


class Transport:
    """A connection pool to one provider."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Response | NotSent | NoReply:
        """Send `body`; an outcome is a value, whatever happens on the way."""
        return await self._send("POST", url, headers, body, timeout_s)

    async def get(
        self, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> Response | NotSent | NoReply:
        """Ask for `url`."""
        return await self._send("GET", url, headers, None, timeout_s)

    async def download(
        self, url: str, limit_bytes: int, timeout_s: float
    ) -> Response | TooLarge | NotSent | NoReply:
        """Ask for `url` without saying who asks; a redirect is told, and not followed.

        The body is as it was sent: what a server compressed against its orders could unfold to
        any size.
        """
        headers = {"Accept-Encoding": "identity"}

        async def exchange() -> Response | TooLarge:
            try:
                async with self._client.stream("GET", url, headers=headers) as reply:
                    return await _read(reply, limit_bytes)
            except ValueError as error:  # a strange URL, or one that a redirect names
                raise httpx.InvalidURL(str(error)) from error

        return await _outcome(exchange, timeout_s)

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
    ) -> Response | NotSent | NoReply:
        async def exchange() -> Response:
            reply = await self._client.request(method, url, headers=dict(headers), content=body)
            return _response(reply, reply.content)

        return await _outcome(exchange, timeout_s)


async def _outcome(exchange: Callable[[], Awaitable[T]], timeout_s: float) -> T | NotSent | NoReply:
    """What `exchange` returns, or how it failed."""
    try:
        with anyio.fail_after(timeout_s):
            return await exchange()
    except TimeoutError:
        return NoReply(f"no reply within {timeout_s:g} s")
    except _NOT_SENT as error:
        return NotSent(_in_words(error))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return NoReply(_in_words(error))


def _response(reply: httpx.Response, body: bytes) -> Response:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return Response(reply.status_code, headers, body)


async def _read(reply: httpx.Response, limit_bytes: int) -> Response | TooLarge:
    told = reply.headers.get("content-length", "")
    if _DIGITS.fullmatch(told) and int(told) > limit_bytes:
        return TooLarge(limit_bytes)
    body = bytearray()
    async for chunk in reply.aiter_raw():
        body += chunk
        if len(body) > limit_bytes:
            return TooLarge(limit_bytes)
    return _response(reply, bytes(body))


@asynccontextmanager
async def open_transport(
    transport: httpx.AsyncBaseTransport | None = None, *, connections: int = 64
) -> AsyncIterator[Transport]:
    """A wire over `transport`, or over sockets if there is none."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
    async with httpx.AsyncClient(transport=transport, limits=limits, timeout=timeout) as client:
        yield Transport(client)


def _in_words(error: Exception) -> str:
    said = str(error) or "no details"
    return f"{type(error).__name__}: {said}"
