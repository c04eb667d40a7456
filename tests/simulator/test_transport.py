"""The in-process transport translates what an application does into what a client knows."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import httpx
import pytest

from runner.simulator import SimulatorTransport


async def get(app: Any, **settings: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=SimulatorTransport(app), **settings) as client:
        return await client.post("http://host.test:81/a%20b?c=d", content=b"sent")


def test_an_application_that_raises_is_a_read_error() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise TimeoutError("its own, not the client's")

    with pytest.raises(httpx.ReadError) as caught:
        anyio.run(get, app)
    assert caught.value.request.url.path == "/a b"


def test_an_application_that_says_nothing_has_dropped_the_connection() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        pass

    with pytest.raises(httpx.RemoteProtocolError):
        anyio.run(get, app)


def test_a_reply_may_come_in_parts_and_the_request_is_passed_on_whole() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope, body=(await receive())["body"])
        headers = [(b"x-two", b"1"), (b"x-two", b"2")]
        await send({"type": "http.response.start", "status": 203, "headers": headers})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"cd"})

    reply = anyio.run(get, app)
    assert (reply.status_code, reply.content) == (203, b"abcd")
    assert reply.headers.get_list("x-two") == ["1", "2"]
    assert (seen["method"], seen["path"], seen["raw_path"]) == ("POST", "/a b", b"/a%20b")
    assert (seen["query_string"], seen["body"]) == (b"c=d", b"sent")
    assert seen["server"] == ("host.test", 81)


def test_a_request_leaves_no_task_and_no_thread_behind(world: Any) -> None:
    here = world(latency_ms=(5, 50), faults={"hang": 0.3, "drop": 0.3})
    threads = threading.active_count()

    async def main() -> set[Any]:
        for number in range(20):
            try:
                await here.send(f"question {number}")
            except httpx.TransportError:
                assert len(asyncio.all_tasks()) == 1
        return asyncio.all_tasks()

    assert len(here.run(main)) == 1
    assert threading.active_count() == threads


def test_a_client_without_a_time_out_waits_as_long_as_it_takes(world: Any) -> None:
    here = world(latency_ms=(3_600_000, 3_600_000))

    async def main() -> httpx.Response:
        async with here.client(timeout=None) as client:
            return await client.post(
                "/v1/chat/completions",
                json={"model": "Qwen/Qwen3-8B", "messages": [{"role": "user", "content": "hi"}]},
                headers={"Authorization": "Bearer x"},
            )

    began = here.now()
    assert here.run(main).status_code == 200
    assert here.now() - began == 3_600_000


def test_a_hung_call_sets_no_timer_that_virtual_time_could_run_off_to(world: Any) -> None:
    here = world(faults={"hang": 1.0})

    async def hang() -> None:
        async with here.client(timeout=None, headers={"Authorization": "Bearer x"}) as client:
            question = [{"role": "user", "content": "hi"}]
            fields = {"model": "Qwen/Qwen3-8B", "messages": question}
            await client.post("/v1/chat/completions", json=fields)

    async def main() -> list[Any]:
        async with anyio.create_task_group() as group:
            group.start_soon(hang)
            await anyio.sleep(1)
            assert here.simulator.stats().in_flight == 1
            timers = list(here._loop._scheduled)
            group.cancel_scope.cancel()
        return timers

    assert here.run(main) == []
