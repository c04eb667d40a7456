"""What `midnight serve` adds to a call, beside a bare reverse proxy.

    python benchmarks/proxy.py [--seconds 5] [--connections 64] [--streams 500]

Clients ask the measuring server directly, through a proxy that only copies bytes from connection to
connection, and through `midnight serve`, which enters every call in its ledger, durably, before it
is sent. Then so many streams are held open at once.
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
from measuring import arguments, scratch, serving, table

MIDNIGHT = [sys.executable, "-m", "runner"]
CONFIG = """
[accounts.bench]
provider = "openai-compatible"
base_url = "{base}"
[run]
max_concurrency = 4096
[providers.openai-compatible]
start_concurrency = 256
"""


class Asker(asyncio.Protocol):
    """One connection with one call in flight; a reply ends where its Content-Length says."""

    request = b""

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first call."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count a whole reply, and send the next call."""
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
    """The calls a second, and how many failed."""
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
    """The CPU time of a process so far, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """The resident memory of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until there are no more."""
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


def bare_proxy(target: int) -> None:
    """Copy bytes between each connection and one to `target`; prints its port."""

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
    """A process, by its id, and the first line that it prints."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, process.stdout.readline()
        finally:
            process.terminate()


async def hold_streams(port: int, number: int) -> int:
    """Open so many calls at once that last; how many are open."""
    request = request_to(port).replace(b'{"model"', b'{"stream": true, "model"')
    request = request.replace(b"Content-Length: ", b"Content-Length: ", 1)
    head, _, body = request.partition(b"\r\n\r\n")
    length = head.rpartition(b": ")[2]
    request = head.removesuffix(length) + b"%d\r\n\r\n" % len(body) + body
    found = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", port) for _ in range(number))
    )
    for _, writer in found:
        writer.write(request)
    await asyncio.sleep(5)
    still = sum(not reader.at_eof() for reader, _ in found)
    for _, writer in found:
        writer.close()
    return still


def main() -> None:
    """Measure, and print ratios."""
    if sys.argv[1:2] == ["--bare"]:
        bare_proxy(int(sys.argv[2]))
        return
    options = arguments(__doc__, seconds=5, connections=64, streams=500)
    lines = []
    with scratch() as folder, serving() as server:
        direct, _ = asyncio.run(ask(server.port, options.seconds, options.connections))
        lines.append(("direct", f"{direct:,.0f}", "", "", ""))
        bare = [sys.executable, __file__, "--bare", str(server.port)]
        config = CONFIG.format(base=f"http://127.0.0.1:{server.port}/v1")
        (folder / "midnight.toml").write_text(config, encoding="utf-8")
        serve = [*MIDNIGHT, "--db", "queue.db", "--json", "serve", "--port", "0"]
        base_ms = 0.0
        for name, command in (("bare proxy", bare), ("midnight serve", serve)):
            with started(command, folder) as (pid, said):
                port = int(said) if said.strip().isdecimal() else _port(said)
                before = cpu_s(pid)
                begun = time.perf_counter()
                rate, failed = asyncio.run(ask(port, options.seconds, options.connections))
                calls = rate * (time.perf_counter() - begun)
                each_ms = (cpu_s(pid) - before) / calls * 1000
                base_ms = base_ms or each_ms
                ratio = f"{each_ms / base_ms:.1f}"
                lines.append((name, f"{rate:,.0f}", f"{each_ms:.3f}", ratio, failed))
    head = ("way", "calls/s", "CPU ms a call", "x bare proxy", "failed")
    table(f"{options.connections} connections, no latency", head, lines)
    _measure_streams(options.streams)


def _measure_streams(number: int) -> None:
    with scratch() as folder, serving("--latency", 8_000) as server:
        config = CONFIG.format(base=f"http://127.0.0.1:{server.port}/v1")
        (folder / "midnight.toml").write_text(config, encoding="utf-8")
        serve = [*MIDNIGHT, "--db", "queue.db", "--json", "serve", "--port", "0"]
        with started(serve, folder) as (pid, said):
            before = resident_mb(pid)
            still = asyncio.run(hold_streams(_port(said), number))
            line = (number, still, f"{before:.0f}", f"{resident_mb(pid):.0f}")
    table("open calls", ("asked", "open", "MB before", "MB with them"), [line])


def _port(said: str) -> int:
    listening: str = json.loads(said)["listening"]
    return int(listening.rpartition(":")[2])


if __name__ == "__main__":
    main()
