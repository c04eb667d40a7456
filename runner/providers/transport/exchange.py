"""What a transport does, and how one HTTP exchange can end.

The outcome of an exchange is a value, whatever happens on the way. The difference that matters
is between `NotSent` and `NoReply`: a call that was not sent costs nothing, and every other call
may have been charged. An implementation that is in doubt returns `NoReply`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

# How long a connection may take to open, in seconds: name resolution and TLS included.
CONNECT_TIMEOUT_S = 20.0
# How long an idle connection is kept, in seconds. Common servers close theirs after 5 seconds
# (uvicorn, Node) or later; a request written just then is lost and may have been charged.
KEEP_ALIVE_S = 4.0
USER_AGENT = "midnight-runner"
# A reply is read up to so many bytes, after it is unpacked, where the caller allows no more: a
# hundred thousand tokens are half a megabyte.
MOST_REPLY_BYTES = 4 << 20
# Of a reply so much is read at once. Of those that are larger only two are read at a time, or a
# server that answers every call with the most would fill the memory.
SMALL_REPLY_BYTES = 128 << 10
LARGE_REPLIES_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Response:
    """A whole reply: status, headers (names in lower case), body (decompressed)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request left this machine for the provider."""

    why: str


@dataclass(frozen=True, slots=True)
class NoReply:
    """The request may have arrived, but no whole reply came back."""

    why: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The reply's body is larger than was allowed; the rest of it was not read."""

    limit_bytes: int


@dataclass(frozen=True, slots=True)
class StreamedReply:
    """A reply whose body comes piece by piece: status, headers (names in lower case).

    `read` returns the next piece, as soon as there is one; it is empty at the end, and `NoReply`
    when the body broke off.
    """

    status: int
    headers: Mapping[str, str]
    read: Callable[[], Awaitable[bytes | NoReply]]


class Transport(Protocol):
    """Connections to any number of hosts. It follows no redirect and keeps no cookie.

    The number of connections has no limit here: the caller bounds its calls in flight, so that
    no call waits for a connection while its time-out runs.
    """

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        limit_bytes: int = MOST_REPLY_BYTES,
    ) -> Response | NotSent | NoReply:
        """Sends `body` to `url`; the whole exchange may take `timeout_s` seconds.

        A reply of more than `limit_bytes`, unpacked, counts as no reply.
        """

    def stream(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> AbstractAsyncContextManager[StreamedReply | NotSent | NoReply]:
        """Sends `body` to `url`; the reply is read inside the block, and abandoned at its end.

        The head, and then each piece, may take `timeout_s` seconds.
        """

    async def get(
        self, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> Response | NotSent | NoReply:
        """Sends a GET request for `url`."""

    async def download(
        self, url: str, limit_bytes: int, timeout_s: float
    ) -> Response | TooLarge | NotSent | NoReply:
        """Sends a GET request for `url` with none of the account's headers.

        At most `limit_bytes` of the body are read. The body is as it was sent: a server that
        compresses it, although the request forbids that, could make it unfold to any size.
        """


def not_compressed(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns `headers` with compression disabled: a compressing proxy would buffer the stream."""
    return {**headers, "Accept-Encoding": "identity"}


def connect_timeout(timeout_s: float) -> float:
    """Returns how long a connection may take to open for an exchange of `timeout_s` seconds.

    It is less than `timeout_s`, so that a connection that never opens ends as `NotSent`, and not
    by the time-out of the whole exchange, as `NoReply`.
    """
    return CONNECT_TIMEOUT_S if timeout_s > CONNECT_TIMEOUT_S else timeout_s / 2


def too_large(limit_bytes: int) -> NoReply:
    """Returns the outcome of an exchange whose reply has more than `limit_bytes`."""
    return NoReply(f"the reply is larger than {limit_bytes:,} bytes and was not read")


def timed_out(timeout_s: float) -> NoReply:
    """Returns the outcome of an exchange that took longer than `timeout_s` seconds."""
    return NoReply(f"no reply within {timeout_s:g} s")
