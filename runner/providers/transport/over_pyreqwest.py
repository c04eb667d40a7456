"""The transport over pyreqwest: the only file that knows pyreqwest, an HTTP client in Rust.

Its connections, TLS and decompression run in a thread of their own that needs no interpreter
lock; a call costs half the CPU time of aiohttp's and a fortieth of httpx's (see
benchmarks/transports.py).
"""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import anyio
import anyio.lowlevel

# The allocator inside pyreqwest, mimalloc, reads its options once, when the library is loaded. On
# Linux it would ask for huge pages, which cost a run that waits for midnight 10 MB.
_OPTION = "MIMALLOC_ALLOW_THP"
os.environ.setdefault(_OPTION, "0")

from pyreqwest.client import Client, ClientBuilder  # noqa: E402
from pyreqwest.exceptions import PyreqwestError  # noqa: E402
from pyreqwest.http import HeaderMap  # noqa: E402
from pyreqwest.proxy import ProxyBuilder  # noqa: E402
from pyreqwest.request import RequestBuilder  # noqa: E402
from pyreqwest.response import Response as PyreqwestResponse  # noqa: E402

from runner.errors import ConfigError  # noqa: E402
from runner.language import _  # noqa: E402
from runner.providers.transport.exchange import (  # noqa: E402
    CONNECT_TIMEOUT_S,
    KEEP_ALIVE_S,
    LARGE_REPLIES_AT_ONCE,
    MOST_REPLY_BYTES,
    SMALL_REPLY_BYTES,
    USER_AGENT,
    NoReply,
    NotSent,
    Response,
    StreamedReply,
    TooLarge,
    connect_timeout,
    not_compressed,
    timed_out,
    too_large,
)
from runner.providers.transport.network import Network  # noqa: E402
from runner.providers.transport.unpacking import ENCODINGS, BrokenBodyError, unpack  # noqa: E402

# The library calls a connection that is reset after the request a "connection error", and a reply
# that does not come a "connection timeout". What surely precedes the request is told by the
# causes, which are those of hyper: it was still connecting, or it took the request back from a
# connection that had been closed before it was written.
_BEFORE_THE_REQUEST = ("client error (Connect)", "operation was canceled")
_TIMED_OUT = "operation timed out"
# At exit, the library's thread may be on its way out of the interpreter after the last reply.
# Python 3.11 to 3.13 abort the process if it is caught there.
_LAST_WAKE_UP_S = 0.02


class PyreqwestTransport:
    """Exchanges over one pool of connections for each proxy and time-out to connect."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._large = anyio.Semaphore(LARGE_REPLIES_AT_ONCE)
        self._clients: dict[tuple[str | None, float, bool], Client] = {}
        self._proxy_for = lru_cache(maxsize=64)(network.proxy_for)
        self._client("http://localhost", CONNECT_TIMEOUT_S)  # raises before anything is done

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        limit_bytes: int = MOST_REPLY_BYTES,
    ) -> Response | NotSent | NoReply:
        """Sends `body` to `url`, and reads a reply of up to `limit_bytes`."""
        try:
            client = self._client(url, connect_timeout(timeout_s), decompress=False)
            request = client.post(url).headers(headers).body_bytes(body)
            request = request.header("Accept-Encoding", ENCODINGS)
        except ValueError as error:
            return NotSent(f"{type(error).__name__}: {error}")
        return self._told(url, await _exchange(request, timeout_s, limit_bytes, self._large))

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> AsyncIterator[StreamedReply | NotSent | NoReply]:
        """Sends `body` to `url`; the reply is read inside the block, and abandoned at its end."""
        opened: StreamedReply | NotSent | NoReply
        async with AsyncExitStack() as stack:
            try:
                client = self._client(url, connect_timeout(timeout_s))
                request = client.post(url).headers(not_compressed(headers)).body_bytes(body)
                streamed = request.streamed_read_buffer_limit(0).build_streamed()
                with anyio.fail_after(timeout_s):
                    async with _raised_by_scopes():
                        reply = await stack.enter_async_context(streamed)
                opened = _streamed(reply, timeout_s)
            except TimeoutError:
                opened = timed_out(timeout_s)
            except PyreqwestError as error:
                opened = _failure(error, timeout_s)
            except ValueError as error:
                opened = NotSent(f"{type(error).__name__}: {error}")
            if isinstance(opened, NotSent):
                opened = NotSent(opened.why + self._network.path_to(url))
            yield opened

    async def get(
        self, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> Response | NotSent | NoReply:
        """Sends a GET request for `url`."""
        try:
            client = self._client(url, CONNECT_TIMEOUT_S, decompress=False)
            request = client.get(url).headers(headers).header("Accept-Encoding", ENCODINGS)
        except ValueError as error:
            return NotSent(f"{type(error).__name__}: {error}")
        return self._told(url, await _exchange(request, timeout_s, MOST_REPLY_BYTES, self._large))

    async def download(
        self, url: str, limit_bytes: int, timeout_s: float
    ) -> Response | TooLarge | NotSent | NoReply:
        """Sends a GET request without the account's headers; reads up to `limit_bytes`."""
        try:
            client = self._client(url, CONNECT_TIMEOUT_S, decompress=False)
            request = client.get(url).header("Accept-Encoding", "identity")
            request = request.streamed_read_buffer_limit(0)  # the head is told before the body
            opening = request.timeout(_span(timeout_s)).build_streamed()
            async with _raised_by_scopes(), opening as reply:
                headers, body = _headers(reply.headers), bytearray()
                told = headers.get("content-length", "")
                if told.isdecimal() and int(told) > limit_bytes:
                    return TooLarge(limit_bytes)
                while chunk := await reply.body_reader.read_chunk():
                    body += chunk
                    if len(body) > limit_bytes:
                        return TooLarge(limit_bytes)
                return Response(reply.status, headers, bytes(body))
        except PyreqwestError as error:
            return self._told(url, _failure(error, timeout_s))
        except ValueError as error:
            return NotSent(f"{type(error).__name__}: {error}")

    async def aclose(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.close()

    def _told(
        self, url: str, outcome: Response | NotSent | NoReply
    ) -> Response | NotSent | NoReply:
        """Returns `outcome`; a `NotSent` also names the proxy."""
        if isinstance(outcome, NotSent):
            return NotSent(outcome.why + self._network.path_to(url))
        return outcome

    def _client(self, url: str, connect_s: float, *, decompress: bool = True) -> Client:
        key = self._proxy_for(url), connect_s, decompress
        found = self._clients.get(key)
        if found is None:
            found = self._clients[key] = _built(self._network, *key)
        return found


async def _exchange(
    request: RequestBuilder, timeout_s: float, limit_bytes: int, large: anyio.Semaphore
) -> Response | NotSent | NoReply:
    try:
        opening = request.timeout(_span(timeout_s)).build_streamed()
        async with _raised_by_scopes(), opening as reply:
            small = min(limit_bytes, SMALL_REPLY_BYTES)
            body = bytes(await reply.body_reader.read(small + 1) or b"")
            if len(body) > small:
                async with large:
                    rest = await reply.body_reader.read(limit_bytes + 1 - len(body)) or b""
                body += rest
            headers = _headers(reply.headers)
            unpacked = unpack(headers.get("content-encoding", ""), body, limit_bytes)
            if unpacked is None:
                return too_large(limit_bytes)
            return Response(reply.status, headers, unpacked)
    except PyreqwestError as error:
        return _failure(error, timeout_s)
    except BrokenBodyError as error:
        return NoReply(str(error))


@asynccontextmanager
async def _raised_by_scopes() -> AsyncIterator[None]:
    """Lets a cancel scope see its own cancellation: pyreqwest raises another error in its place."""
    try:
        yield
    except asyncio.CancelledError:
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise


def _streamed(reply: PyreqwestResponse, timeout_s: float) -> StreamedReply:
    async def read() -> bytes | NoReply:
        try:
            with anyio.fail_after(timeout_s):
                async with _raised_by_scopes():
                    return bytes(await reply.body_reader.read_chunk() or b"")
        except TimeoutError:
            return timed_out(timeout_s)
        except PyreqwestError as error:
            found = _failure(error, timeout_s)
            return NoReply(found.why)

    return StreamedReply(reply.status, _headers(reply.headers), read)


def _failure(error: PyreqwestError, timeout_s: float) -> NotSent | NoReply:
    details = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    said = causes[-1] if causes else error.message
    if isinstance(error, ValueError) or any(cause in _BEFORE_THE_REQUEST for cause in causes):
        return NotSent(f"{_kind(causes)}: {said}")
    if said == _TIMED_OUT:
        return timed_out(timeout_s)
    return NoReply(f"{error.message}: {said}")


def _kind(causes: list[str]) -> str:
    connecting = _BEFORE_THE_REQUEST[0] in causes
    return "no connection" if connecting else "not sent"


def _headers(found: HeaderMap) -> Mapping[str, str]:
    """Returns header values by lower-case name; those of a repeated name are joined by commas."""
    try:
        told = found.dict_multi_value()
    except ValueError:  # a value that is no ASCII
        told = {name: value for name in set(found) if (value := _readable(found, name))}
    if len(found) != len(told):
        return {
            name: value if isinstance(value, str) else ", ".join(value)
            for name, value in told.items()
        }
    return told  # type: ignore[return-value]  # every name has one value


def _readable(found: HeaderMap, name: str) -> list[str]:
    try:
        return found.getall(name)
    except ValueError:
        return []


@lru_cache(maxsize=64)
def _span(timeout_s: float) -> timedelta:
    return timedelta(seconds=timeout_s)


def _built(network: Network, proxy: str | None, connect_s: float, decompress: bool) -> Client:  # noqa: FBT001 - a part of the key
    try:
        return _builder(network, proxy, connect_s, decompress=decompress).build()
    except PyreqwestError as error:
        if network.certificates or network.certificate_folder:
            name = "SSL_CERT_FILE" if network.certificates else "SSL_CERT_DIR"
            what = _("no certificate could be read there")
            remedy = _("correct {name}, or unset it").format(name=name)
            raise ConfigError(
                what, where=_("environment {name}").format(name=name), remedy=remedy
            ) from error
        # A machine without certificates of its own, as small container images are.
        import certifi  # slow to load, and seldom needed

        usual = Path(certifi.where()).read_bytes()
        builder = _builder(network, proxy, connect_s, decompress=decompress)
        return builder.add_root_certificate_pem(usual).build()


def _builder(
    network: Network, proxy: str | None, connect_s: float, *, decompress: bool
) -> ClientBuilder:
    builder = (
        ClientBuilder()
        .user_agent(USER_AGENT)
        .follow_redirects(False)
        .referer(False)
        .connect_timeout(timedelta(seconds=connect_s))
        .pool_idle_timeout(timedelta(seconds=KEEP_ALIVE_S))
        .no_proxy()
    )
    if not decompress:
        builder = builder.gzip(False).brotli(False).zstd(False).deflate(False)
    if proxy is not None:
        builder = builder.proxy(ProxyBuilder.all(proxy))
    if network.certificates is not None:
        builder = builder.add_root_certificate_pem(network.certificates.read_bytes())
    return builder


@asynccontextmanager
async def opened(network: Network) -> AsyncIterator[PyreqwestTransport]:
    """Opens the transport over sockets in `network`."""
    atexit.unregister(_let_the_thread_leave)
    atexit.register(_let_the_thread_leave)
    transport = PyreqwestTransport(network)
    try:
        yield transport
    finally:
        await transport.aclose()


def _let_the_thread_leave() -> None:
    # A Ctrl-C that comes as late as this has nothing left to stop.
    with suppress(KeyboardInterrupt):
        time.sleep(_LAST_WAKE_UP_S)
