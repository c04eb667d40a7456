"""Every way in which an exchange can fail, on real sockets, over each transport.

The one error that is not allowed is to call a request not sent that may have arrived.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import subprocess
import sys
import zlib
from collections.abc import Awaitable, Callable
from functools import partial
from textwrap import dedent
from typing import Any

import anyio
import httpx
import pytest
from providers.transport.conftest import OK, Connection, Script, Server, run, serving

from runner.providers.transport import (
    NoReply,
    NotSent,
    Response,
    TooLarge,
    Transport,
    open_transport,
)

HEADERS = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
QUICK_S = 0.3
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def post(transport: Transport, server: Server, timeout_s: float = 10) -> Any:
    return await transport.post(server.url, HEADERS, b'{"a": 1}', timeout_s)


def broken(kind: str, script: Script, timeout_s: float = 10) -> tuple[Any, int]:
    """How a call ends whose connection `script` breaks, and how many requests arrived whole."""

    async def main(transport: Transport, server: Server) -> tuple[Any, int]:
        return await post(transport, server, timeout_s), len(server.requests)

    return run(kind, script, main)


async def answer(connection: Connection) -> None:
    while True:
        await connection.request()
        await connection.send(OK)


OTHER = OK.replace(b"{}", b"[]")


def after_the_request(*data: bytes) -> Script:
    async def script(connection: Connection) -> None:
        await connection.request()
        for part in data:
            await connection.send(part)
        connection.close()

    return script


def test_a_request_arrives_as_it_was_given(kind: str) -> None:
    async def main(transport: Transport, server: Server) -> tuple[Any, bytes, bytes]:
        reply = await post(transport, server)
        return reply, *server.requests[0]

    reply, head, body = run(kind, answer, main)
    assert reply == Response(200, {"content-length": "2"}, b"{}")
    assert body == b'{"a": 1}'
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/chat/completions http/1.1"
    assert "authorization: bearer secret" in lines
    assert "content-type: application/json" in lines
    assert "user-agent: midnight-runner" in lines
    assert "content-length: 8" in lines


def test_a_refused_connection_is_not_sent(kind: str) -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        server = Server(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")

        async def main(transport: Transport, _server: Server) -> Any:
            return await post(transport, server)

        outcome = run(kind, answer, main)
    assert isinstance(outcome, NotSent)
    assert "refused" in outcome.why or "failed" in outcome.why


def test_an_unknown_host_is_not_sent(kind: str) -> None:
    async def main(transport: Transport, _server: Server) -> Any:
        return await transport.post("http://no-such-host.invalid/v1", HEADERS, b"", 10)

    assert isinstance(run(kind, answer, main), NotSent)


@pytest.mark.parametrize("url", ["http://[::1/", "ftp://127.0.0.1/", "foo", "http://a:b/", ""])
def test_what_is_no_url_is_not_sent(kind: str, url: str) -> None:
    async def main(transport: Transport, _server: Server) -> list[Any]:
        return [
            await transport.post(url, HEADERS, b"", 10),
            await transport.get(url, HEADERS, 10),
            await transport.download(url, 10, 10),
        ]

    assert [type(outcome) for outcome in run(kind, answer, main)] == [NotSent] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="how full a backlog is differs")
def test_a_connection_that_does_not_open_in_time_is_not_sent(kind: str) -> None:
    """Also when the time-out of the whole call is shorter than the usual one to connect."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        server = Server(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")

        async def main(transport: Transport, _server: Server) -> Any:
            return await post(transport, server, 0.4)

        outcome = run(kind, answer, main)
        for filler in fillers:
            filler.close()
    assert isinstance(outcome, NotSent)


def test_a_server_that_speaks_no_tls_is_sent_nothing(kind: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.reader.read(10)
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    async def main(transport: Transport, server: Server) -> Any:
        url = server.url.replace("http://", "https://")
        return await transport.post(url, HEADERS, b"{}", 10)

    assert isinstance(run(kind, script, main), NotSent)


async def reset_at_once(connection: Connection) -> None:
    connection.reset()


async def reset_after_the_request(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def close_after_the_request(connection: Connection) -> None:
    await connection.request()
    connection.close()


async def reset_inside_the_request(connection: Connection) -> None:
    await connection.reader.readuntil(b"\r\n\r\n")
    connection.reset()


@pytest.mark.parametrize(
    "script", [reset_after_the_request, close_after_the_request, reset_inside_the_request]
)
def test_a_connection_that_breaks_after_the_request_was_begun_is_no_reply(
    kind: str, script: Script
) -> None:
    outcome, _ = broken(kind, script)
    assert isinstance(outcome, NoReply)
    assert outcome.why


def test_a_connection_that_is_reset_at_once_is_never_taken_for_a_reply(kind: str) -> None:
    """The request may have been written before the reset arrived, or not."""
    outcome, arrived = broken(kind, reset_at_once)
    assert isinstance(outcome, NotSent | NoReply)
    assert arrived == 0


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nxxxxx",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\x01\x02\x03",
        b"",
    ],
)
def test_a_reply_that_is_not_whole_is_no_reply(kind: str, data: bytes) -> None:
    outcome, arrived = broken(kind, after_the_request(data))
    assert isinstance(outcome, NoReply)
    assert arrived == 1


def test_what_follows_a_whole_body_is_part_of_no_reply(kind: str) -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(OK + b"}}}}}}}}")

    async def main(transport: Transport, server: Server) -> list[Any]:
        return [await post(transport, server) for _ in range(3)]

    first, *others = run(kind, script, main)
    whole = Response(200, {"content-length": "2"}, b"{}")
    assert first == whole
    assert all(other == whole or isinstance(other, NoReply) for other in others)


@pytest.mark.parametrize(
    "parts",
    [
        (b"",),
        (b"HTTP/1.1 200 OK\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{",),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
    ],
    ids=["silence", "half a head", "half a body", "continue, and no more"],
)
def test_a_reply_that_takes_too_long_is_no_reply(kind: str, parts: tuple[bytes, ...]) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        for part in parts:
            await connection.send(part)
        await connection.stay()

    outcome, arrived = broken(kind, script, QUICK_S)
    assert outcome == NoReply("no reply within 0.3 s")
    assert arrived == 1


def test_a_reply_that_drips_is_bounded_as_a_whole(kind: str) -> None:
    """No byte comes late, but the whole does."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.01)

    outcome, _ = broken(kind, script, QUICK_S)
    assert outcome == NoReply("no reply within 0.3 s")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        CHUNKED + b"1\r\n{\r\n1;x=y\r\n}\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["continue", "early hints", "until the end", "chunked", "no reason"],
)
def test_odd_but_whole_replies_are_read(kind: str, data: bytes) -> None:
    outcome, _ = broken(kind, after_the_request(data))
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.body) == (200, b"{}")


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_reply_is_unfolded(
    kind: str, name: str, pack: Callable[[bytes], bytes]
) -> None:
    body = pack(b'{"a": 1}' * 100)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {name}\r\nContent-Length: {len(body)}\r\n\r\n"
    outcome, _ = broken(kind, after_the_request(head.encode() + body))
    assert isinstance(outcome, Response)
    assert outcome.body == b'{"a": 1}' * 100


def test_odd_headers_lose_at_most_themselves(kind: str) -> None:
    head = b"HTTP/1.1 429 X\r\nX-Odd: caf\xe9\r\nRetry-After: 7\r\nX-Many: 1\r\nX-Many: 2\r\n"
    outcome, _ = broken(kind, after_the_request(head + b"Content-Length: 2\r\n\r\n{}"))
    assert isinstance(outcome, Response)
    assert outcome.headers["retry-after"] == "7"
    assert outcome.headers["x-many"] == "1, 2"
    assert outcome.body == b"{}"


def test_a_redirect_is_told_and_not_followed(kind: str) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    outcome, _ = broken(kind, after_the_request(head))
    assert isinstance(outcome, Response)
    assert (outcome.status, outcome.headers["location"]) == (302, "http://127.0.0.1:1/")


@pytest.mark.parametrize("more", [OTHER, b"garbage", b"\r\n\r\n"])
def test_what_comes_after_a_reply_is_never_the_next_one(kind: str, more: bytes) -> None:
    """Or a row would have the answer to another."""

    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(OK + more)

    async def main(transport: Transport, server: Server) -> list[Any]:
        return [await post(transport, server) for _ in range(4)]

    assert [reply.body for reply in run(kind, script, main)] == [b"{}"] * 4


def test_a_cookie_is_not_kept(kind: str) -> None:
    async def script(connection: Connection) -> None:
        while True:
            await connection.request()
            head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n"
            await connection.send(head + b"{}")

    async def main(transport: Transport, server: Server) -> bytes:
        for _ in range(2):
            await post(transport, server)
        return server.requests[-1][0].lower()

    assert b"cookie" not in run(kind, script, main)


def test_huge_bodies_pass_whole(kind: str) -> None:
    size = 20_000_000

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(20):
            await connection.send(b"y" * (size // 20))

    async def main(transport: Transport, server: Server) -> tuple[Any, int]:
        reply = await transport.post(server.url, HEADERS, b"x" * size, 30, size)
        return reply, len(server.body())

    reply, arrived = run(kind, script, main)
    assert isinstance(reply, Response)
    assert len(reply.body) == arrived == size


def test_a_server_that_refuses_a_huge_body_before_reading_it_is_no_success(kind: str) -> None:
    """Its refusal may be lost in the reset that follows; that it was sent never is."""

    async def script(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()

    async def main(transport: Transport, server: Server) -> Any:
        return await transport.post(server.url, HEADERS, b"x" * 20_000_000, 30)

    outcome = run(kind, script, main)
    assert isinstance(outcome, NoReply) or (isinstance(outcome, Response) and outcome.status == 413)


def test_a_connection_is_used_again(kind: str) -> None:
    async def main(transport: Transport, server: Server) -> int:
        for _ in range(5):
            assert isinstance(await post(transport, server), Response)
        return server.connections

    assert run(kind, answer, main) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_connection_that_was_closed_between_two_calls_costs_nothing(kind: str, how: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(OK)
        getattr(connection, how)()

    async def main(transport: Transport, server: Server) -> tuple[list[Any], int]:
        outcomes = []
        for _ in range(4):
            outcomes.append(await post(transport, server))
            await asyncio.sleep(0.05)
        return outcomes, len(server.requests)

    outcomes, arrived = run(kind, script, main)
    assert [type(outcome) for outcome in outcomes] == [Response] * 4
    assert arrived == 4


def test_no_request_is_ever_sent_twice(kind: str) -> None:
    """Whatever the connection does just after an answer: sent once, or told as not sent."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(OK)
        await connection.request()
        connection.close()

    async def main(transport: Transport, server: Server) -> tuple[list[Any], int]:
        outcomes = [await post(transport, server) for _ in range(20)]
        return outcomes, len(server.requests)

    outcomes, arrived = run(kind, script, main)
    unsent = sum(isinstance(outcome, NotSent) for outcome in outcomes)
    assert arrived == 20 - unsent
    assert {Response, NoReply} <= {type(outcome) for outcome in outcomes}


def test_a_call_never_waits_for_a_connection(kind: str) -> None:
    """As many connections are opened as there are calls in flight."""
    calls = 200
    waiting: list[Any] = []

    async def script(connection: Connection) -> None:
        await connection.request()
        waiting.append(connection)
        if len(waiting) == calls:
            for one in waiting:
                await one.send(OK)
        await connection.stay()

    async def main(transport: Transport, server: Server) -> list[Any]:
        return list(await asyncio.gather(*(post(transport, server) for _ in range(calls))))

    outcomes = run(kind, script, main)
    assert all(isinstance(outcome, Response) for outcome in outcomes)


def test_a_call_that_is_cancelled_returns_at_once(kind: str) -> None:
    arrived = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        arrived.set()
        await connection.stay()

    async def main(transport: Transport, server: Server) -> bool:
        call = asyncio.create_task(post(transport, server, 60))
        await arrived.wait()
        call.cancel()
        await asyncio.wait([call], timeout=30)
        return call.cancelled()

    assert run(kind, script, main)


@pytest.mark.parametrize("sent", [b"", CHUNKED, CHUNKED + b"3\r\nabc\r\n"])
def test_a_scope_that_is_cancelled_knows_its_own_cancellation(kind: str, sent: bytes) -> None:
    """As of a provider that says nothing while a price is asked for in a bounded time."""

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(sent)
        await connection.stay()

    async def main(transport: Transport, server: Server) -> list[bool]:
        ended = []
        for ask in (
            partial(transport.get, server.url, {}, 60),
            partial(transport.post, server.url, HEADERS, b"{}", 60),
            partial(transport.download, server.url, 100, 60),
        ):
            with anyio.move_on_after(QUICK_S / 3) as scope:
                await ask()
            ended.append(scope.cancelled_caught)
        return ended

    assert run(kind, script, main) == [True] * 3


@pytest.mark.parametrize("sent", [b"", CHUNKED, CHUNKED + b"3\r\nabc\r\n"])
def test_a_stream_that_falls_silent_is_no_reply(kind: str, sent: bytes) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(sent)
        await connection.stay()

    async def main(transport: Transport, server: Server) -> Any:
        async with transport.stream(server.url, HEADERS, b"{}", QUICK_S) as reply:
            if isinstance(reply, NoReply | NotSent):
                return reply
            while isinstance(part := await reply.read(), bytes):
                assert part == b"abc"
            return part

    silent = run(kind, script, main)
    assert isinstance(silent, NoReply)
    assert "0.3 s" in silent.why


def test_one_transport_serves_many_hosts(kind: str) -> None:
    async def main(transport: Transport, one: Server) -> list[Any]:
        async with serving(answer) as other:
            return [await post(transport, server) for server in (one, other, one)]

    assert [type(outcome) for outcome in run(kind, answer, main)] == [Response] * 3


class TestDownloads:
    """A download has a limit, no token, and no decompression."""

    @staticmethod
    def downloaded(kind: str, script: Script, timeout_s: float = 10) -> tuple[Any, bytes]:
        async def main(transport: Transport, server: Server) -> tuple[Any, bytes]:
            found = await transport.download(server.url, 1_000, timeout_s)
            return found, server.requests[0][0] if server.requests else b""

        return run(kind, script, main)

    def test_it_says_nothing_of_the_account(self, kind: str) -> None:
        found, head = self.downloaded(kind, after_the_request(OK))
        assert found == Response(200, {"content-length": "2"}, b"{}")
        assert b"authorization" not in head.lower()
        assert b"accept-encoding: identity" in head.lower()

    def test_a_length_beyond_the_limit_is_not_read(self, kind: str) -> None:
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
            await connection.stay()

        assert self.downloaded(kind, script)[0] == TooLarge(1_000)

    def test_a_body_without_a_length_is_read_to_the_limit(self, kind: str) -> None:
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                await connection.send(b"x" * 600)

        assert self.downloaded(kind, script)[0] == TooLarge(1_000)

    def test_a_body_that_is_compressed_all_the_same_is_not_unfolded(self, kind: str) -> None:
        body = gzip.compress(b"x" * 100_000)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        found, _ = self.downloaded(kind, after_the_request(head.encode() + body))
        assert isinstance(found, Response)
        assert found.body == body

    @pytest.mark.parametrize(
        "data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}", b"\x00"]
    )
    def test_a_broken_one_is_no_reply(self, kind: str, data: bytes) -> None:
        assert isinstance(self.downloaded(kind, after_the_request(data))[0], NoReply)

    def test_a_slow_one_is_no_reply(self, kind: str) -> None:
        async def script(connection: Connection) -> None:
            await connection.request()
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{")
            await connection.stay()

        found, _ = self.downloaded(kind, script, QUICK_S)
        assert found == NoReply("no reply within 0.3 s")


def test_a_process_that_ends_right_after_a_reply_ends_in_good_order(kind: str) -> None:
    """A client with a thread of its own may be caught on its way out of the interpreter."""
    program = dedent(f"""
        import asyncio, sys
        from runner.providers.transport import Response, open_transport

        async def main():
            async with open_transport(kind={kind!r}, environ={{}}) as transport:
                calls = [transport.post(sys.argv[1], {{}}, b"x" * 1000, 10) for _ in range(32)]
                assert all(isinstance(end, Response) for end in await asyncio.gather(*calls))

        asyncio.run(main())
    """)

    async def ends(server: Server) -> list[int]:
        codes = []
        for _ in range(6):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", program, server.url, stderr=subprocess.PIPE
            )
            _, said = await process.communicate()
            assert said == b""
            codes.append(process.returncode or 0)
        return codes

    async def main() -> list[int]:
        async with serving(answer) as server:
            return await ends(server)

    assert asyncio.run(main()) == [0] * 6


def test_the_transport_can_be_opened_again_and_again(kind: str) -> None:
    """Each on an event loop of its own, as the Python API's blocking calls do."""

    async def main(transport: Transport, server: Server) -> Any:
        return await post(transport, server)

    for _ in range(3):
        assert isinstance(run(kind, answer, main), Response)


def awaited(main: Callable[[], Awaitable[Any]]) -> Any:
    async def wrapped() -> Any:
        return await main()

    return asyncio.run(wrapped())


def test_a_transport_that_is_given_is_used_and_closed() -> None:
    closed = []

    class Given(httpx.MockTransport):
        async def aclose(self) -> None:
            closed.append(True)

    async def main() -> Any:
        given = Given(lambda _request: httpx.Response(200, content=b"{}"))
        async with open_transport(given, environ={"ALL_PROXY": "nonsense://"}) as transport:
            return await transport.post("http://provider/v1", HEADERS, b"", 5)

    assert isinstance(awaited(main), Response)
    assert closed == [True]


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return b"".join([*packed, packer.flush()])


BOMB = bomb(200)
FLOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)


@pytest.mark.parametrize(
    ("head", "piece", "times"),
    [
        (FLOOD, b"x" * (1 << 20), 1 << 10),
        (CHUNKED, b"100000\r\n" + b"x" * (1 << 20) + b"\r\n", 1 << 10),
        (PACKED, BOMB, 1),
    ],
)
def test_a_reply_that_is_too_large_is_left_unread(
    kind: str, head: bytes, piece: bytes, times: int
) -> None:
    sent: list[int] = []

    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(head)
        for _ in range(times):
            await connection.send(piece)
            sent.append(len(piece))

    async def main(transport: Transport, server: Server) -> Any:
        return await post(transport, server)

    reply = run(kind, script, main)
    assert isinstance(reply, NoReply)
    assert "larger than" in reply.why
    assert sum(sent) < 100 << 20


@pytest.mark.parametrize("lines", [160, 1])
def test_endless_headers_are_left_unread(kind: str, lines: int) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\n")
        for number in range(lines):
            await connection.send(b"X-%d: " % number + b"a" * ((10 << 20) // lines) + b"\r\n")
        await connection.send(b"Content-Length: 2\r\n\r\n{}")

    reply, _ = broken(kind, script)
    assert isinstance(reply, NoReply)


def test_a_reply_as_large_as_is_allowed_passes(kind: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        for number in range(9):
            await connection.send(b"%d" % number)

    async def main(transport: Transport, server: Server, limit: int) -> Any:
        return await transport.post(server.url, HEADERS, b"{}", 10, limit)

    for limit, passes in ((9, True), (8, False)):
        reply = run(kind, script, partial(main, limit=limit))
        assert isinstance(reply, Response) == passes
