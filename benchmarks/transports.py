"""What a call costs over each HTTP client: calls a second, CPU time a call, memory.

python benchmarks/transports.py [CALLS [ROUNDS]]

The server is a process of its own, pinned to the last core where the system allows it, and answers
at once; the client is a new process for every measurement, pinned to the first core. 64 calls are
in flight. Clients take turns, and the medians of all rounds are printed, with the ratio to the
bare aiohttp loop, or to the first client where aiohttp is not installed. CPU time is that of the
whole client process, threads included.

`pyreqwest` and `httpx` are the transports of `runner.providers.transport`, complete: errors,
time-out, headers as a dict. What begins with `bare` is a client's own interface, without any of
it; `client` is httpx's client over that transport, and `direct` hands a request straight to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any

IN_FLIGHT = 64
KINDS = {
    "bare aiohttp": "aiohttp",
    "httpx": "httpx",
    "client httpx": "httpx",
    "client httpx over aiohttp": "httpx_aiohttp",
    "direct httpx over aiohttp": "httpx_aiohttp",
    "client httpx over pyreqwest": "pyreqwest",
    "direct httpx over pyreqwest": "pyreqwest",
    "bare pyreqwest": "pyreqwest",
    "pyreqwest": "pyreqwest",
}
"""What is measured, and the package that it needs."""

QUESTION = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Label the review."},
        {"role": "user", "content": "The room was cold, and the breakfast worse. " * 8},
    ],
}
HEADERS = {"Authorization": "Bearer sk-0123456789", "Content-Type": "application/json"}
ANSWER = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 1795727624,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "b"}}
        ],
        "usage": {"prompt_tokens": 52, "completion_tokens": 3, "total_tokens": 55},
    }
).encode()
REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: uvicorn\r\n"
    b"Date: Thu, 26 Nov 2026 12:00:00 GMT\r\nX-Request-Id: 12345678\r\n"
    b"modelscope-ratelimit-requests-limit: 2000\r\n"
    b"modelscope-ratelimit-requests-remaining: 1500\r\n"
    b"modelscope-ratelimit-model-requests-limit: 500\r\n"
    b"modelscope-ratelimit-model-requests-remaining: 250\r\n"
    b"Content-Length: %d\r\n\r\n" % len(ANSWER)
) + ANSWER
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

Call = Callable[[], Awaitable[tuple[int, bytes]]]


class Answering(asyncio.Protocol):
    """A server that answers every request with `REPLY`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins a connection."""
        self._transport: Any = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Answers every complete request."""
        held = self._held + data
        while (end := held.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(held, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(held) < whole:
                break
            held = held[whole:]
            self._transport.write(REPLY)
        self._held = held


async def serve() -> None:
    """Answers on a free port, which is printed, until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def caller(kind: str, url: str, stack: AsyncExitStack) -> Call:
    """Returns a function that makes one call over a client of this kind."""
    body = json.dumps(QUESTION).encode()
    if kind in {"pyreqwest", "httpx"}:
        return await _our_own(kind, url, body, stack)
    if kind == "bare aiohttp":
        return await _aiohttp(url, body, stack)
    if kind == "bare pyreqwest":
        return await _pyreqwest(url, body, stack)
    return await _httpx(kind, url, body, stack)


async def _our_own(kind: str, url: str, body: bytes, stack: AsyncExitStack) -> Call:
    from runner.providers.transport import Response, open_transport

    transport = await stack.enter_async_context(open_transport(kind=kind, environ={}))

    async def call() -> tuple[int, bytes]:
        reply = await transport.post(url, HEADERS, body, 60)
        assert isinstance(reply, Response), reply
        return reply.status, reply.body

    return call


async def _aiohttp(url: str, body: bytes, stack: AsyncExitStack) -> Call:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def call() -> tuple[int, bytes]:
        async with session.post(url, data=body, headers=HEADERS) as reply:
            return reply.status, await reply.read()

    return call


async def _pyreqwest(url: str, body: bytes, stack: AsyncExitStack) -> Call:
    from pyreqwest.client import ClientBuilder

    client = await stack.enter_async_context(ClientBuilder().build())

    async def call() -> tuple[int, bytes]:
        reply = await client.post(url).headers(HEADERS).body_bytes(body).build().send()
        return reply.status, bytes(await reply.bytes())

    return call


async def _httpx(kind: str, url: str, body: bytes, stack: AsyncExitStack) -> Call:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    transport: httpx.AsyncBaseTransport
    if kind.endswith("aiohttp"):
        from httpx_aiohttp import AiohttpTransport

        transport = AiohttpTransport(limits=limits)
    elif kind.endswith("pyreqwest"):
        from pyreqwest.compatibility.httpx import HttpxTransport

        transport = HttpxTransport()
    else:
        transport = httpx.AsyncHTTPTransport(limits=limits)
    client = httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113 - none is measured
    await stack.enter_async_context(client)

    async def by_client() -> tuple[int, bytes]:
        reply = await client.request("POST", url, headers=HEADERS, content=body)
        return reply.status_code, reply.content

    async def direct() -> tuple[int, bytes]:
        request = httpx.Request("POST", url, headers=HEADERS, content=body)
        reply = await transport.handle_async_request(request)
        return reply.status_code, await reply.aread()

    return direct if kind.startswith("direct") else by_client


async def measure(kind: str, port: str, calls: int) -> dict[str, float]:
    """Returns calls a second, CPU time a call in microseconds, and peak memory in MB."""

    async def work(times: int) -> None:
        for _ in range(times):
            status, body = await call()
            assert (status, body) == (200, ANSWER)

    async with AsyncExitStack() as stack:
        call = await caller(kind, f"http://127.0.0.1:{port}/v1/chat/completions", stack)
        await asyncio.gather(*(work(3) for _ in range(IN_FLIGHT)))
        before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        await asyncio.gather(*(work(calls // IN_FLIGHT) for _ in range(IN_FLIGHT)))
        took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(0.05)  # a client's own thread may still be in the interpreter
    made = calls // IN_FLIGHT * IN_FLIGHT
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"rate": made / took, "cpu": cpu_s / made * 1e6, "memory": after.ru_maxrss / 1024}


def pin(core: int) -> None:
    """Stays on one core, where the system knows how."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core]})


def compare(calls: int, rounds: int) -> None:
    """Measures every client that is installed, in turns, and prints the medians."""
    kinds = [kind for kind, package in KINDS.items() if find_spec(package)]
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    me = [sys.executable, __file__]
    server = subprocess.Popen([*me, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        for _ in range(rounds):
            for kind in kinds:
                command = [*me, "--measure", kind, port, str(calls)]
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                found[kind].append(json.loads(said))
    finally:
        server.terminate()
        server.wait()
    base = statistics.median(one["rate"] for one in found[kinds[0]])
    for kind, measured in found.items():
        rate, cpu, memory = (
            statistics.median(one[key] for one in measured) for key in ("rate", "cpu", "memory")
        )
        print(
            f"{kind:30} {rate:8,.0f} calls/s ({rate / base:5.2f}), "
            f"{cpu:6,.0f} us of CPU a call, {memory:4.0f} MB"
        )


def main() -> None:
    """Serves, measures one client, or compares all clients."""
    match sys.argv[1:]:
        case ["--serve"]:
            pin(-1)
            asyncio.run(serve())
        case ["--measure", kind, port, calls]:
            pin(0)
            print(json.dumps(asyncio.run(measure(kind, port, int(calls)))))
        case [*numbers]:
            calls, rounds = (int(one) for one in [*numbers, *["6400", "5"][len(numbers) :]])
            compare(calls, rounds)


if __name__ == "__main__":
    main()
