"""What `midnight serve` adds to a call, beside a bare reverse proxy.

    python benchmarks/proxy.py [--seconds 5] [--connections 64] [--firsts 200] [--streams 500]

Clients ask the measuring server directly, through a proxy that only copies bytes from connection to
connection, and through `midnight serve`, which enters every call in its ledger, durably, before it
is sent. The same three ways take turns at streams, for the time to the first piece. Then so many
streams are held open at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from load import request_to
from measuring import arguments, median, scratch, serving, table

_AT_A_TIME = 20
_HELD_MS = 8_000
_END = b"\r\n0\r\n\r\n"
MIDNIGHT = [sys.executable, "-m", "runner"]
CONFIG = """
[accounts.bench]
provider = "openai-compatible"
base_url = "{base}"
[run]
max_concurrency = 4096
[providers.openai-compatible]
start_concurrency = 1024
"""


class Asker(asyncio.Protocol):
    """One connection with one call in flight; a reply ends where its Content-Length says."""

    request = b""

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first call."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Counts a complete reply, and sends the next call."""
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self.calls += 1
            self.failed += b" 200 " not in head[:16]
            self._data = body[length:]
            self._transport.write(self.request)


async def ask(port: int, seconds: float, connections: int) -> tuple[float, int]:
    """Returns the calls a second, and how many failed."""
    loop = asyncio.get_running_loop()
    Asker.request = request_to(port)
    made = [await loop.create_connection(Asker, "127.0.0.1", port) for _ in range(connections)]
    await asyncio.sleep(2)  # the runner finds what the server bears
    begun, before = time.perf_counter(), sum(one.calls for _, one in made)
    await asyncio.sleep(seconds)
    calls = sum(one.calls for _, one in made) - before
    rate = calls / (time.perf_counter() - begun)
    for transport, _ in made:
        transport.abort()
    return rate, sum(one.failed for _, one in made)


def cpu_s(pid: int) -> float:
    """Returns the CPU time of a process so far, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Returns the resident memory of a process, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies bytes until there are no more."""
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


def bare_proxy(target: int) -> None:
    """Copies bytes between each connection and one to `target`; prints its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    async def main() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[tuple[int, str]]:
    """Starts a process; yields its id and the first line that it prints."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, process.stdout.readline()
        finally:
            process.terminate()


def streamed(port: int) -> bytes:
    """Returns a request for a stream."""
    head, _, body = request_to(port).partition(b"\r\n\r\n")
    body = body.replace(b"{", b'{"stream": true, ', 1)
    return head.rpartition(b" ")[0] + b" %d\r\n\r\n" % len(body) + body


async def first_token_ms(port: int, number: int) -> list[float]:
    """Returns how long the first piece of each stream takes, one stream after the other, in ms."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request, found = streamed(port), []
    for _ in range(number):
        begun = time.perf_counter()
        writer.write(request)
        await reader.readuntil(b"data: ")
        found.append((time.perf_counter() - begun) * 1000)
        await reader.readuntil(_END)
    writer.close()
    return found


async def hold_streams(port: int, number: int) -> int:
    """Opens long streams at once; returns how many have begun, and are open.

    They are opened a second time when all have ended: by then the runner knows what is borne.
    """
    request = streamed(port)
    found = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", port) for _ in range(number))
    )
    for _, writer in found:
        writer.write(request)
    await asyncio.gather(*(reader.readuntil(_END) for reader, _ in found))
    for _, writer in found:
        writer.write(request)
    begun = [asyncio.ensure_future(reader.readuntil(b"data: ")) for reader, _ in found]
    await asyncio.wait(begun, timeout=_HELD_MS / 2000)
    still = sum(
        one.done() and not reader.at_eof() for one, (reader, _) in zip(begun, found, strict=True)
    )
    for one, (_, writer) in zip(begun, found, strict=True):
        one.cancel()
        writer.close()
    return still


def main() -> None:
    """Measures, and prints ratios."""
    if sys.argv[1:2] == ["--bare"]:
        bare_proxy(int(sys.argv[2]))
        return
    options = arguments(__doc__, seconds=5, connections=64, streams=500, firsts=200)
    _measure_calls(options.seconds, options.connections)
    _measure_first_tokens(options.firsts)
    _measure_streams(options.streams)


@contextmanager
def ways(folder: Path, port: int) -> Iterator[dict[str, tuple[int, int]]]:
    """Starts the bare proxy and the program before the server; yields process and port of each."""
    config = CONFIG.format(base=f"http://127.0.0.1:{port}/v1")
    (folder / "midnight.toml").write_text(config, encoding="utf-8")
    bare = [sys.executable, __file__, "--bare", str(port)]
    serve = [*MIDNIGHT, "--db", "queue.db", "--json", "serve", "--port", "0"]
    with started(bare, folder) as (pid, said), started(serve, folder) as (own_pid, own_said):
        yield {"bare proxy": (pid, int(said)), "midnight serve": (own_pid, _port(own_said))}


def _measure_calls(seconds: int, connections: int) -> None:
    lines = []
    with scratch() as folder, serving() as server, ways(folder, server.port) as found:
        direct, _ = asyncio.run(ask(server.port, seconds, connections))
        lines.append(("direct", f"{direct:,.0f}", "", "", ""))
        base_ms = 0.0
        for name, (pid, port) in found.items():
            before, begun = cpu_s(pid), time.perf_counter()
            rate, failed = asyncio.run(ask(port, seconds, connections))
            calls = rate * (time.perf_counter() - begun)
            each_ms = (cpu_s(pid) - before) / calls * 1000
            base_ms = base_ms or each_ms
            ratio = f"{each_ms / base_ms:.1f}"
            lines.append((name, f"{rate:,.0f}", f"{each_ms:.3f}", ratio, failed))
    head = ("way", "calls/s", "CPU ms a call", "x bare proxy", "failed")
    table(f"{connections} connections, no latency", head, lines)


def _measure_first_tokens(number: int) -> None:
    """Measures the ways in turn, so that a slow moment of the machine meets all of them."""
    with scratch() as folder, serving() as server, ways(folder, server.port) as found:
        ports = {"direct": server.port} | {name: port for name, (_, port) in found.items()}
        taken: dict[str, list[float]] = {name: [] for name in ports}
        for _ in range(number // _AT_A_TIME):
            for name, port in ports.items():
                taken[name] += asyncio.run(first_token_ms(port, _AT_A_TIME))[1:]
    lines = [
        (name, f"{median(each):.2f}", f"{sorted(each)[len(each) * 9 // 10]:.2f}")
        for name, each in taken.items()
    ]
    table("time to the first piece of a stream", ("way", "median ms", "90 % below"), lines)


def _measure_streams(number: int) -> None:
    lasting = serving("--latency", _HELD_MS)
    with scratch() as folder, lasting as server, ways(folder, server.port) as found:
        pid, port = found["midnight serve"]
        before = resident_mb(pid)
        still = asyncio.run(hold_streams(port, number))
        line = (number, still, f"{before:.0f}", f"{resident_mb(pid):.0f}")
    table("open streams", ("asked", "open", "MB before", "MB with them"), [line])


def _port(said: str) -> int:
    listening: str = json.loads(said)["listening"]
    return int(listening.rpartition(":")[2])


if __name__ == "__main__":
    main()
