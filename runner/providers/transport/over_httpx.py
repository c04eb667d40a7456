"""The transport over httpx.

Requests go straight to httpx's transports. Its client would add redirects, cookies and
authentication, of which none is wanted, and twice the time.
"""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from importlib.util import find_spec
from typing import TypeVar

import anyio

# The command line that comes with httpx, which is not used here, would load click, pygments and
# rich, and cost a run that waits for midnight 2.5 MB.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: not to be imported

import httpx  # noqa: E402

from runner.errors import ConfigError  # noqa: E402
from runner.language import _  # noqa: E402
from runner.providers.transport.exchange import (  # noqa: E402
    KEEP_ALIVE_S,
    LARGE_REPLIES_AT_ONCE,
    MOST_REPLY_BYTES,
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
from runner.providers.transport.network import DIRECT, Network  # noqa: E402
from runner.providers.transport.unpacking import ENCODINGS, BrokenBodyError, Unpacker  # noqa: E402

# Failures before the first byte of the request was written: nothing can have been charged.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_SOCKS = ("socks5", "socks5h")
_DIGITS = re.compile(r"[0-9]{1,18}")
_COMPRESSED = {"User-Agent": USER_AGENT, "Accept-Encoding": ENCODINGS}
_AS_IT_IS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}

Pick = Callable[[str], httpx.AsyncBaseTransport]
"""Returns the httpx transport for a URL."""
Describe = Callable[[str], str]
"""Returns the clause that names the proxy through which a URL is reached, or an empty one."""

T = TypeVar("T")


class HttpxTransport:
    """Exchanges over the httpx transport that `pick` names for a URL."""

    def __init__(self, pick: Pick, path_to: Describe = lambda _url: "") -> None:
        self._large = anyio.Semaphore(LARGE_REPLIES_AT_ONCE)
        self._pick = pick
        self._path_to = path_to

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        limit_bytes: int = MOST_REPLY_BYTES,
    ) -> Response | NotSent | NoReply:
        """Sends `body` to `url`, and reads a reply of up to `limit_bytes`."""
        return await self._exchange("POST", url, headers, body, timeout_s, limit_bytes)

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> AsyncIterator[StreamedReply | NotSent | NoReply]:
        """Sends `body` to `url`; the reply is read inside the block, and abandoned at its end."""
        asked = {"User-Agent": USER_AGENT, **not_compressed(headers)}

        async def send() -> httpx.Response:
            return await self._send("POST", url, asked, body, timeout_s)

        reply = await _outcome(send, timeout_s)
        if not isinstance(reply, httpx.Response):
            yield self._told(url, reply)
            return
        try:
            yield _streamed(reply, timeout_s)
        finally:
            with anyio.CancelScope(shield=True):
                await _close(reply)

    async def get(
        self, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> Response | NotSent | NoReply:
        """Sends a GET request for `url`."""
        return await self._exchange("GET", url, headers, None, timeout_s, MOST_REPLY_BYTES)

    async def download(
        self, url: str, limit_bytes: int, timeout_s: float
    ) -> Response | TooLarge | NotSent | NoReply:
        """Sends a GET request without the account's headers; reads up to `limit_bytes`."""

        async def exchange() -> Response | TooLarge:
            reply = await self._send("GET", url, _AS_IT_IS, None, timeout_s)
            try:
                return await _read(reply, limit_bytes)
            finally:
                await _close(reply)

        return self._told(url, await _outcome(exchange, timeout_s))

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
        limit_bytes: int,
    ) -> Response | NotSent | NoReply:
        async def exchange() -> Response | NoReply:
            reply = await self._send(method, url, {**_COMPRESSED, **headers}, body, timeout_s)
            try:
                return await _unpacked(reply, limit_bytes, self._large)
            finally:
                await _close(reply)

        return self._told(url, await _outcome(exchange, timeout_s))

    def _told(self, url: str, outcome: T | NotSent) -> T | NotSent:
        """Returns `outcome`; a `NotSent` also names the proxy."""
        if isinstance(outcome, NotSent):
            return NotSent(outcome.why + self._path_to(url))
        return outcome

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
    ) -> httpx.Response:
        timeout = {"timeout": {"connect": connect_timeout(timeout_s)}}
        try:
            where = _parsed(url)
            request = httpx.Request(
                method, where, headers=dict(headers), content=body, extensions=timeout
            )
        except ValueError as error:  # a strange URL, or one that a redirect names
            raise httpx.InvalidURL(str(error)) from error
        return await self._pick(url).handle_async_request(request)


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


async def _outcome(exchange: Callable[[], Awaitable[T]], timeout_s: float) -> T | NotSent | NoReply:
    """Returns what `exchange` returns, or how it failed."""
    try:
        with anyio.fail_after(timeout_s):
            return await exchange()
    except TimeoutError:
        return timed_out(timeout_s)
    except _NOT_SENT as error:
        return NotSent(_in_words(error))
    except httpx.InvalidURL as error:
        return NotSent(_in_words(error))
    except httpx.HTTPError as error:
        return NoReply(_in_words(error))


def _streamed(reply: httpx.Response, timeout_s: float) -> StreamedReply:
    pieces = iter([reply.content]) if reply.is_stream_consumed else None
    chunks = _pieces(reply)

    async def next_piece() -> bytes:
        return next(pieces, b"") if pieces else await anext(chunks, b"")

    async def read() -> bytes | NoReply:
        found = await _outcome(next_piece, timeout_s)
        return NoReply(found.why) if isinstance(found, NotSent) else found

    return StreamedReply(reply.status_code, dict(reply.headers.items()), read)


def _pieces(reply: httpx.Response) -> AsyncIterator[bytes]:
    """Returns the body as it was sent; unlike `aiter_raw`, its end does not close the reply."""
    assert isinstance(reply.stream, httpx.AsyncByteStream)  # noqa: S101 - for the type checker
    return aiter(reply.stream)


async def _close(reply: httpx.Response) -> None:
    """Closes `reply`, and its connection as well if the server has sent more than the reply.

    httpcore would take the rest for the next reply on the connection, and a row would have the
    answer to another. Nothing public tells of the rest; a test holds this to the installed version.
    """
    pooled = getattr(reply.stream, "_httpcore_stream", None)
    connection = getattr(getattr(pooled, "_stream", None), "_connection", None)
    state = getattr(connection, "_h11_state", None)
    if state is not None and state.trailing_data[0]:
        state.send_failed()
    await reply.aclose()


def _response(reply: httpx.Response, body: bytes) -> Response:
    return Response(reply.status_code, dict(reply.headers.items()), body)


async def _unpacked(
    reply: httpx.Response, limit_bytes: int, large: anyio.Semaphore
) -> Response | NoReply:
    if reply.is_stream_consumed:  # of a transport that was given, which hands over the whole
        return _response(reply, reply.content)
    try:
        unpacker = Unpacker(reply.headers.get("content-encoding", ""), limit_bytes)
        async with AsyncExitStack() as stack:
            held = False
            async for chunk in _pieces(reply):
                if not held and unpacker.may_be_large(len(chunk)):
                    await stack.enter_async_context(large)
                    held = True
                unpacker.feed(chunk)
                if unpacker.is_too_large:
                    return too_large(limit_bytes)
        return _response(reply, unpacker.body())
    except BrokenBodyError as error:
        return NoReply(str(error))


async def _read(reply: httpx.Response, limit_bytes: int) -> Response | TooLarge:
    told = reply.headers.get("content-length", "")
    if _DIGITS.fullmatch(told) and int(told) > limit_bytes:
        return TooLarge(limit_bytes)
    body = bytearray()
    async for chunk in _pieces(reply):
        body += chunk
        if len(body) > limit_bytes:
            return TooLarge(limit_bytes)
    return _response(reply, bytes(body))


def _in_words(error: Exception) -> str:
    said = str(error) or "no details"
    return f"{type(error).__name__}: {said}"


@asynccontextmanager
async def opened(
    transport: httpx.AsyncBaseTransport | None, network: Network | None
) -> AsyncIterator[HttpxTransport]:
    """Opens the transport over `transport`, or else over sockets in `network`."""
    async with AsyncExitStack() as stack:
        if transport is not None:
            only = await stack.enter_async_context(transport)
            yield HttpxTransport(lambda _url: only)
        else:
            found = network or DIRECT
            yield HttpxTransport(await _over_sockets(found, stack), found.path_to)


async def _over_sockets(network: Network, stack: AsyncExitStack) -> Pick:
    """Opens a pool of connections for each proxy, and one for direct connections."""
    trusted = _trusted(network)
    limits = httpx.Limits(
        max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_ALIVE_S
    )
    pools = {}
    for proxy in {None, *network.proxies.values()}:
        _check_supported(proxy)
        pool = httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, limits=limits, proxy=proxy)
        pools[proxy] = await stack.enter_async_context(pool)
    proxy_for = lru_cache(maxsize=64)(network.proxy_for)
    return lambda url: pools[proxy_for(url)]


def _trusted(network: Network) -> ssl.SSLContext:
    """Returns a TLS context with the certificates of the environment, or else those of certifi."""
    file, folder = network.certificates, network.certificate_folder
    if file is None and folder is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except OSError as error:  # ssl.SSLError is one
        what = _("the certificates cannot be used ({error})").format(error=error)
        remedy = _("correct the variable, or unset it")
        raise ConfigError(what, where=_("environment SSL_CERT_FILE"), remedy=remedy) from error


def _check_supported(proxy: str | None) -> None:
    """Refuses proxies that httpx cannot use.

    Raises:
        ConfigError: It is a SOCKS proxy of an old version, or the package for SOCKS is missing.
    """
    scheme = (proxy or "").partition("://")[0]
    if scheme.startswith("socks") and (scheme not in _SOCKS or find_spec("socksio") is None):
        what = _("the transport httpx, as installed, knows no {scheme}:// proxy").format(
            scheme=scheme
        )
        remedy = _("pip install pyreqwest, or for socks5:// socksio; or unset the proxy's variable")
        raise ConfigError(what, remedy=remedy)
