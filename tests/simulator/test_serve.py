"""The simulator on a real port of this machine, met by the stock client."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import anyio
import httpx
import pytest
from support.waiting import PATIENCE_S

from runner.errors import ConfigError
from runner.simulator import SimulatedProvider, SimulatorConfig, make_image, serve

LOCAL = "127.0.0.1"
EMBEDDING = {"model": "Qwen/Qwen3-Embedding-8B", "input": "hi"}
PICTURE = {"model": "Qwen/Qwen-Image", "prompt": "a cat"}
IN_TASK = {"X-ModelScope-Async-Mode": "true"}
OF_IMAGES = {"X-ModelScope-Task-Type": "image_generation"}
QUESTION = {"model": "Qwen/Qwen3-8B", "messages": [{"role": "user", "content": "hi"}]}


def simulator(**settings: Any) -> SimulatedProvider:
    return SimulatedProvider(SimulatorConfig(**{"latency_ms": (0, 0), **settings}), lambda: 0)


@asynccontextmanager
async def served(subject: SimulatedProvider) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `subject` on a free port and give a client for it; cancel the server afterwards."""
    ports: list[int] = []
    listening = anyio.Event()

    def ready(port: int) -> None:
        ports.append(port)
        listening.set()

    async def run() -> None:
        await serve(subject, LOCAL, 0, ready=ready)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await listening.wait()
        headers = {"Authorization": "Bearer x"}
        base = f"http://{LOCAL}:{ports[0]}"
        async with httpx.AsyncClient(base_url=base, headers=headers) as client:
            yield client
        group.cancel_scope.cancel()


async def ask(client: httpx.AsyncClient, **settings: Any) -> httpx.Response:
    return await client.post("/v1/chat/completions", json=QUESTION, **settings)


async def count_bytes(reply: httpx.Response) -> int:
    """Return how many bytes of the body arrive before the connection is lost."""
    received = 0
    try:
        async for chunk in reply.aiter_raw():
            received += len(chunk)
    except httpx.RemoteProtocolError:
        return received
    raise AssertionError("the body was complete")


def test_a_served_simulator_answers_as_it_does_in_process() -> None:
    async def main() -> httpx.Response:
        async with served(simulator()) as client:
            assert (await client.get("/v1/models")).status_code == 200
            return await ask(client)

    reply = anyio.run(main)
    assert reply.json()["object"] == "chat.completion"
    assert reply.headers["modelscope-ratelimit-requests-remaining"] == "1999"
    assert reply.headers.get_list("date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]
    assert "server" not in reply.headers


def test_a_reply_in_two_segments_does_not_wait_for_an_acknowledgement() -> None:
    """Nagle's algorithm and a delayed acknowledgement would cost 40 ms a call."""
    with import_module("runner.listening")._listen(LOCAL, 0) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_drop_closes_the_connection_in_mid_body(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[int, int, int]:
        async with served(simulator(faults={"drop": 1.0})) as client:
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
                await ask(client)
            async with client.stream("POST", "/v1/chat/completions", json=QUESTION) as reply:
                received = await count_bytes(reply)
            return reply.status_code, received, int(reply.headers["content-length"])

    with caplog.at_level(logging.DEBUG, logger="uvicorn"):
        status, received, promised = anyio.run(main)
    assert status == 200
    assert received == promised // 2
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_a_hang_says_nothing_until_the_client_leaves() -> None:
    subject = simulator(faults={"hang": 1.0})

    async def main() -> None:
        async with served(subject) as client:
            async with anyio.create_task_group() as callers:
                callers.start_soon(ask, client)
                while not subject.stats().in_flight:  # noqa: ASYNC110 - seen from outside only
                    await anyio.sleep(0.001)
                callers.cancel_scope.cancel()
            with anyio.fail_after(PATIENCE_S):
                while subject.stats().in_flight:  # noqa: ASYNC110 - seen from outside only
                    await anyio.sleep(0.001)

    anyio.run(main)
    assert subject.stats().max_in_flight == 1


def test_a_hung_call_does_not_keep_the_server_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject = simulator(faults={"hang": 1.0})
    monkeypatch.setattr(import_module("runner.listening"), "_GRACE_S", 0)

    async def main() -> None:
        async with served(subject) as client, anyio.create_task_group() as callers:
            callers.start_soon(lose, client)
            while not subject.stats().in_flight:  # noqa: ASYNC110 - seen from outside only
                await anyio.sleep(0.001)
            os.kill(os.getpid(), signal.SIGTERM)

    async def lose(client: httpx.AsyncClient) -> None:
        with pytest.raises((httpx.RemoteProtocolError, httpx.HTTPStatusError)):
            (await ask(client)).raise_for_status()

    anyio.run(main)
    assert subject.stats().in_flight == 0


def test_cancellation_closes_the_port() -> None:
    async def main() -> int:
        async with served(simulator()) as client:
            await ask(client)
            return int(client.base_url.port or 0)

    port = anyio.run(main)
    with socket.socket() as probe:
        assert probe.connect_ex((LOCAL, port)) != 0


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_handlers_are_put_back(wish: signal.Signals) -> None:
    async def main() -> None:
        before = signal.getsignal(wish)
        with anyio.fail_after(PATIENCE_S):
            await serve(simulator(), LOCAL, 0, ready=lambda _port: os.kill(os.getpid(), wish))
        assert signal.getsignal(wish) is before

    anyio.run(main)


def test_a_port_that_is_taken_is_a_configuration_error() -> None:
    with socket.create_server((LOCAL, 0)) as taken:
        port = taken.getsockname()[1]

        async def main() -> None:
            await serve(simulator(), LOCAL, port, ready=lambda _port: None)

        run: Callable[[], Awaitable[None]] = main
        with pytest.raises(ConfigError) as caught:
            anyio.run(run)
    assert caught.value.where == f"{LOCAL}:{port}"
    assert caught.value.remedy == "choose another port"


def test_only_those_who_open_a_port_load_the_server() -> None:
    program = "import sys, runner.simulator; sys.exit('uvicorn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_every_kind_of_call_is_served() -> None:
    async def main() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        async with served(simulator(image_ms=(0, 0))) as client:
            embedded = await client.post("/v1/embeddings", json=EMBEDDING)
            begun = await client.post("/v1/images/generations", json=PICTURE, headers=IN_TASK)
            place, asked = f"/v1/tasks/{begun.json()['task_id']}", {**IN_TASK, **OF_IMAGES}
            done = await client.get(place, headers=asked)
            url = done.json()["output_images"][0]
            return embedded, done, httpx.Response(200, content=await stranger(url))

    async def stranger(url: str) -> bytes:
        async with httpx.AsyncClient() as client:
            return (await client.get(url)).content

    embedded, done, image = anyio.run(main)
    assert len(embedded.json()["data"]) == 1
    assert done.json()["task_status"] == "SUCCEED"
    assert image.content == make_image("a cat")
