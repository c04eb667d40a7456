"""Calls as a bare ASGI server passes them on."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import anyio
import pytest

QUESTION = {"model": "Qwen/Qwen3-8B", "messages": [{"role": "user", "content": "hello"}]}
BODY = json.dumps(QUESTION).encode()
HEADERS = [(b"host", b"x"), (b"authorization", b"Bearer ms-somebody")]


def post(here: Any, messages: list[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    """Send a request in these messages; return what the application sends."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": HEADERS,
        "query_string": b"",
        "root_path": "",
        **changes,
    }
    waiting, sent = list(messages), []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def main() -> None:
        await here.app(scope, receive, send)

    anyio.run(main)
    return sent


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_may_come_in_parts(world: Any, size: int) -> None:
    parts = [part(BODY[at : at + size], more=True) for at in range(0, len(BODY), size)]
    start, body = post(world(), [*parts, {"type": "http.request"}])
    assert start["status"] == 200
    assert json.loads(body["body"])["choices"]


@pytest.mark.parametrize("received", [[], [part(BODY[:9], more=True)]])
def test_a_caller_who_leaves_before_the_request_is_complete_has_made_no_call(
    world: Any, received: list[dict[str, Any]]
) -> None:
    here = world()
    assert post(here, [*received, {"type": "http.disconnect"}]) == []
    assert here.simulator.stats().calls == 0


def test_a_server_that_mounts_it_below_a_prefix_is_answered_too(world: Any) -> None:
    changes = {"root_path": "/below", "path": "/below/v1/chat/completions"}
    start, _ = post(world(), [part(BODY, more=False)], **changes)
    assert start["status"] == 200


def test_the_date_of_a_reply_is_that_of_its_second(world: Any) -> None:
    here, noon = world(), datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=8)))
    dates = []
    for ms in (0, 999, 1000, 61_000, 500):
        here.go_to(noon + timedelta(milliseconds=ms))
        dates.append(dict(post(here, [part(BODY, more=False)])[0]["headers"])[b"date"][17:25])
    assert dates == [b"04:00:00", b"04:00:00", b"04:00:01", b"04:01:01", b"04:00:00"]
