"""Servers that others wrote, each in a process of its own, and the real command that calls one."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from support.processes import MIDNIGHT, ROOT, popen
from support.waiting import PATIENCE_S


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def served(
    command: Callable[[int], Sequence[str]], environ: Mapping[str, str], health: str
) -> Iterator[str]:
    """The address of a server, once it answers; `command` starts it on a port."""
    port = free_port()
    address, nowhere = f"http://127.0.0.1:{port}", subprocess.DEVNULL
    with popen(command(port), env={**os.environ, **environ}, stdout=nowhere, stderr=nowhere) as it:
        try:
            for _ in range(300):
                try:
                    httpx.get(f"{address}{health}", trust_env=False).raise_for_status()
                    break
                except httpx.HTTPError:
                    assert it.poll() is None, "the server has ended"
                    time.sleep(0.1)  # a real process of somebody else's
            yield address
        finally:
            it.terminate()
            it.wait(PATIENCE_S)


def midnight(folder: Path, address: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The real command, with one account at `address`."""
    (folder / "midnight.toml").write_text(
        f'[accounts.mine]\nprovider = "openai-compatible"\nbase_url = "{address}/v1"\n'
    )
    environ = os.environ | {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    command = [*MIDNIGHT, "--db", "queue.db", *words]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=600, check=False
    )
