"""Replies that would fill the memory: the whole command stays under 150 MB, whatever it is sent."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, reduce
from pathlib import Path
from threading import Thread

import pytest
from support.files import JOB
from support.processes import ROOT

MOST_KB = 150_000
MB = 1 << 20
# The command, which writes down the most memory that it had, in KiB.
WITH_ITS_PEAK = """
import atexit, pathlib, re
def note():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path("peak").write_text(re.search("VmHWM:\\\\s+([0-9]+)", status)[1])
atexit.register(note)
from runner.__main__ import main
main()
"""


@cache
def bomb() -> bytes:
    """A gigabyte of zeros, packed into a megabyte."""
    packer = zlib.compressobj(9, wbits=31)
    first, other = (packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    # After a full flush nothing refers to what came before: one block serves for all the others.
    check = reduce(lambda found, _: zlib.crc32(bytes(MB), found), range(1024), 0)
    end = zlib.compressobj(9, wbits=-15).flush() + struct.pack("<II", check, 1024 * MB)
    body = first + other * 1023 + end
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head + body


def flood() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
    for _ in range(1024):
        yield bytes(MB)


def headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(160):
        yield b"X-%d: " % number + b"a" * (10 * MB // 160) + b"\r\n"
    yield b"Content-Length: 2\r\n\r\n{}"


REPLIES = {"a gzip bomb": lambda: [bomb()], "a gigabyte": flood, "10 MB of headers": headers}


@contextmanager
def serving(name: str) -> Iterator[int]:
    """A server that answers every request so; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def answer(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(1 << 16)
                for piece in REPLIES[name]():
                    connection.sendall(piece)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("transport", ["pyreqwest", "httpx"])
def test_no_reply_fills_the_memory(tmp_path: Path, name: str, transport: str) -> None:
    (tmp_path / "job.toml").write_text(f"{JOB}\n[limits]\nmax_attempts = 2\n")
    (tmp_path / "in.csv").write_text("text\n" + "".join(f"row {n}\n" for n in range(8)))
    with serving(name) as port:
        (tmp_path / "midnight.toml").write_text(
            f'[accounts.mine]\nprovider = "openai-compatible"\n'
            f'base_url = "http://127.0.0.1:{port}/v1"\n[run]\ntransport = "{transport}"\n'
        )
        command = [sys.executable, "-c", WITH_ITS_PEAK, "--db", "q.db", "try", "job.toml", "in.csv"]
        environ = os.environ | {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
        said = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
    assert said.returncode in {1, 3}, said.stderr
    assert "Traceback" not in said.stderr
    assert int((tmp_path / "peak").read_text()) < MOST_KB
