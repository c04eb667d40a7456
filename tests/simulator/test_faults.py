"""Each fault as a client meets it in-process, and what it costs."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx
import pytest

from runner.simulator import FAULT_KINDS

MODEL = "Qwen/Qwen3-8B"
DAY = "2026-11-20"


def test_error_500_is_json(world: Any, error_of: Any, quotas: Any) -> None:
    reply = world(faults={"error_500": 1.0}).chat()
    assert reply.status_code == 500
    assert error_of(reply)["code"] == "internal_error"
    assert quotas(reply) == [None] * 4


def test_bad_gateway_is_html(world: Any) -> None:
    reply = world(faults={"bad_gateway": 1.0}).chat()
    assert (reply.status_code, reply.headers["content-type"]) == (502, "text/html")
    assert reply.text.startswith("<html>")


def test_a_drop_is_a_protocol_error(world: Any) -> None:
    here = world(faults={"drop": 1.0})
    with pytest.raises(httpx.RemoteProtocolError):
        here.chat()
    assert here.simulator.stats().in_flight == 0


def test_a_hang_ends_with_the_callers_read_time_out(world: Any) -> None:
    here = world(faults={"hang": 1.0}, latency_ms=(1000, 1000))
    began = here.now()
    with pytest.raises(httpx.ReadTimeout):
        here.chat()
    stats = here.simulator.stats()
    assert here.now() - began == 5000, "the stock client's patience"
    assert (stats.in_flight, stats.calls, stats.answered) == (0, 1, 0)


def test_a_hang_ends_with_the_callers_cancellation(world: Any) -> None:
    here = world(faults={"hang": 1.0})

    async def main() -> bool:
        with anyio.move_on_after(3) as scope:
            async with here.client(timeout=None) as client:
                await client.post(
                    "/v1/chat/completions",
                    json={"model": MODEL, "messages": [{"role": "user", "content": "hi"}]},
                    headers={"Authorization": "Bearer x"},
                )
        return scope.cancelled_caught

    assert here.run(main)
    assert here.simulator.stats().in_flight == 0


def test_a_call_given_up_is_spent_but_not_answered(world: Any) -> None:
    here = world(latency_ms=(10_000, 10_000))
    with pytest.raises(httpx.ReadTimeout):
        here.chat()
    stats = here.simulator.stats()
    assert (stats.answered, stats.by_day[DAY].spent) == (0, 1)


def test_a_truncated_body_is_whole_to_http_and_broken_to_json(world: Any) -> None:
    reply = world(faults={"truncated": 1.0}).chat()
    assert reply.status_code == 200
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert reply.text.startswith('{"id":"chatcmpl-')
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_an_error_in_a_200_comes_in_two_shapes(world: Any) -> None:
    replies = world(faults={"error_in_200": 1.0}).chats(20)
    assert {reply.status_code for reply in replies} == {200}
    contents = [reply.json() for reply in replies]
    assert not any("choices" in content for content in contents)
    assert {"errors" in content for content in contents} == {True, False}
    assert all("errors" in content or {"code", "message"} <= set(content) for content in contents)


def test_an_empty_shell_is_a_200_that_holds_nothing(world: Any) -> None:
    content = world(faults={"empty_shell": 1.0}).chat().json()
    assert (content["id"], content["choices"]) == ("", None)
    assert set(content["usage"].values()) == {0}


def test_a_throttle_has_three_looks(world: Any, error_of: Any) -> None:
    replies = world(faults={"throttle": 1.0}).chats(40)
    assert {reply.status_code for reply in replies} == {429}
    errors = [error_of(reply) for reply in replies]
    messages = {error["message"] for error in errors}
    assert messages == {
        f"We have to rate limit you for model {MODEL}. Please wait a moment and try again.",
        "Too Many Requests",
        "You exceeded your current quota, please check your plan and billing details",
    }
    assert {"limit_burst_rate", "insufficient_quota"} <= {error.get("code") for error in errors}


def test_a_bad_answer_is_complete_and_useless(world: Any) -> None:
    here = world(faults={"bad_answer": 1.0})
    line = "Answer with exactly one of these labels and nothing else: yes | no"
    choice = here.chat(f"really?\n{line}").json()["choices"][0]
    assert choice["message"]["content"] not in {"yes", "no"}
    assert choice["finish_reason"] == "stop"
    assert here.simulator.stats().answered == 0


@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("counts_failed", [True, False])
def test_a_fault_spends_the_call_as_configured(
    world: Any, kind: str, *, counts_failed: bool
) -> None:
    """A throttle never spends; a bad answer, being no failure to the provider, always does."""
    here = world(faults={kind: 1.0}, counts_failed=counts_failed)
    try:
        here.chat()
    except httpx.TransportError:
        assert kind in {"drop", "hang"}
    spends = {"throttle": False, "bad_answer": True}.get(kind, counts_failed)
    day = here.simulator.stats().by_day[DAY]
    assert (day.calls, day.answered, day.spent) == (1, 0, int(spends))
    assert day.refused == int(kind == "throttle")


def test_faults_strike_about_as_often_as_asked(world: Any) -> None:
    here = world(faults={"error_500": 0.2, "throttle": 0.1}, calls_per_day_per_model=None)
    statuses = [reply.status_code for reply in here.chats(400)]
    assert 50 <= statuses.count(500) <= 110
    assert 20 <= statuses.count(429) <= 60
