"""The server of the measurements: what it refuses, and that it answers what was asked."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _loaded() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "server.py"
    spec = importlib.util.spec_from_file_location("benchmark_server", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


server = _loaded()


def _gate(**options: Any) -> tuple[Any, Any]:
    stats = server.Stats()
    return server.Gate(server.Options(**options), stats), stats


def _pack(*lines: str) -> bytes:
    content = "\n".join(["Here are items, one JSON object a line.", "", *lines])
    return json.dumps({"messages": [{"role": "user", "content": content}]}).encode()


def test_a_call_more_than_it_bears_is_refused() -> None:
    gate, stats = _gate(bears=4)
    stats.in_flight = 3
    assert gate.refusal(0.0) is None
    stats.in_flight = 4
    assert gate.refusal(0.0).startswith(b"HTTP/1.1 429 Too Many Requests\r\n")


def test_a_refused_call_takes_nothing_of_the_minute_which_slides() -> None:
    gate, _ = _gate(per_minute=2)
    moments = (0.0, 30.0, 59.9, 60.0, 89.9, 90.0)
    assert [gate.refusal(now) is None for now in moments] == [True, True, False, True, False, True]


@pytest.mark.parametrize("named", [True, False])
def test_the_wait_is_named_only_if_it_is_to_be(*, named: bool) -> None:
    gate, _ = _gate(per_minute=1, retry_after=named)
    gate.refusal(0.0)
    assert (b"Retry-After: 50\r\n" in gate.refusal(10.5)) is named


def test_the_quota_is_told_and_then_refused_in_modelscopes_words() -> None:
    gate, _ = _gate(quota=2)
    assert gate.refusal(0.0) is None
    assert b"modelscope-ratelimit-requests-remaining: 1\r\n" in gate.headers()
    assert b"modelscope-ratelimit-model-requests-limit: 2\r\n" in gate.headers()
    assert gate.refusal(0.0) is None
    assert b"exceeded today's quota" in gate.refusal(0.0)


def test_a_pack_is_answered_item_by_item() -> None:
    numbers = server.items_of(_pack('{"n":1,"item":"a"}', '{"n":2,"item":"b"}'))
    body = server.answered(numbers).partition(b"\r\n\r\n")[2]
    content = json.loads(body)["choices"][0]["message"]["content"]
    assert json.loads(content) == {"1": server.LABEL, "2": server.LABEL}


def test_a_text_that_mentions_a_pack_is_none() -> None:
    message = {"role": "user", "content": 'Review: Here are\n{"n":1,"item":"a"}'}
    assert server.items_of(json.dumps({"messages": [message]}).encode()) == ()


def test_requests_are_answered_however_their_bytes_arrive() -> None:
    body = b'{"messages": []}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n" % len(body)
    asked = (head + b"\r\n" + body) * 2 + head + b"Connection: close\r\n\r\n" + body

    async def converse(parts: list[bytes]) -> tuple[bytes, int]:
        stats = server.Stats()
        gate = server.Gate(server.Options(), stats)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: server.Connection(gate, stats), "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            replies = await reader.read()
            writer.close()
            await writer.wait_closed()
        return replies, stats.answered

    whole = asyncio.run(converse([asked]))
    assert whole == (server.answered(()) * 3, 3)
    assert asyncio.run(converse([asked[:10], asked[10:150], asked[150:]])) == whole


def test_a_stream_begins_at_once_and_ends_as_openai_ends_it() -> None:
    begins, ends = server.STREAM_BEGINS, server.STREAM_ENDS
    assert begins.count(b"data: ") == 1
    assert b'"content": "positive"' in begins
    assert ends.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert b'"total_tokens": 52' in ends
