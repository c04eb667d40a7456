"""Every endpoint of the provider, and its replies to invalid requests."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from runner.simulator import answer

MODEL = "Qwen/Qwen3-8B"
DENIED = "Authentication failed, please make sure that a valid ModelScope token is supplied."


def asked(**changes: Any) -> bytes:
    fields = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **changes}
    return json.dumps({name: value for name, value in fields.items() if value != ...}).encode()


def test_a_chat_reply_is_a_complete_completion(world: Any) -> None:
    here = world()
    reply = here.chat("hello")
    content = reply.json()
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert content["id"].startswith("chatcmpl-")
    assert content["object"] == "chat.completion"
    assert content["created"] == here.now() // 1000
    assert content["model"] == MODEL
    (choice,) = content["choices"]
    said = answer([{"role": "user", "content": "hello"}])
    assert choice["message"] == {"role": "assistant", "content": said}
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert content["usage"] == {"prompt_tokens": 6, "completion_tokens": 8, "total_tokens": 14}


def test_replies_are_dated_by_the_simulators_clock(world: Any) -> None:
    here = world()
    here.go_to(datetime(2031, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=8))))
    for reply in (here.chat(), here.get("/v1/models"), here.get("/nowhere")):
        assert reply.headers["date"] == "Wed, 01 Jan 2031 19:04:05 GMT"


def test_an_answer_takes_its_latency_and_a_refusal_the_least_of_it(world: Any) -> None:
    here = world(latency_ms=(300, 1200))
    took = []
    for fields in [{}] * 20 + [{"model": "no/such"}]:
        began = here.now()
        here.chat(**fields)
        took.append(here.now() - began)
    *answers, refusal = took
    assert refusal == 300
    assert all(300 <= ms <= 1200 for ms in answers)
    assert len(set(answers)) > 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"model": "Qw', "The request body is not valid JSON."),
        (b"\xff", "The request body is not valid JSON."),
        (b"[]", "The request body is not a JSON object."),
        (asked(model=...), "Missing required parameter: 'model'."),
        (asked(model=3), "Missing required parameter: 'model'."),
        (asked(messages=...), "Missing or invalid required parameter: 'messages'."),
        (asked(messages=[]), "Missing or invalid required parameter: 'messages'."),
        (asked(messages=["hi"]), "Missing or invalid required parameter: 'messages'."),
        (asked(messages=[{"role": "user"}]), "Missing or invalid required parameter: 'messages'."),
        (asked(messages=[{"content": ""}]), "Missing or invalid required parameter: 'messages'."),
        (asked(model="no/such"), "Model id : no/such , has no provider supported"),
    ],
)
def test_a_request_the_api_does_not_define_is_a_400(
    world: Any, error_of: Any, quotas: Any, content: bytes, message: str
) -> None:
    reply = world().post(content)
    assert reply.status_code == 400
    assert error_of(reply)["message"] == message
    assert quotas(reply)[:2] == ["2000", "2000"], "seen on a 400, and nothing spent"


def test_without_a_list_of_models_any_is_served(world: Any) -> None:
    assert world(models=()).chat(model="made/up").status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"enable_thinking": True}, 400),
        ({"enable_thinking": False}, 200),
        ({"parameters": {"enable_thinking": False}}, 200),
        ({"parameters": 5}, 400),
    ],
)
def test_a_thinking_model_insists_on_the_switch(
    world: Any, error_of: Any, fields: Any, status: int
) -> None:
    reply = world(thinking_models=frozenset({MODEL})).chat(**fields)
    assert reply.status_code == status
    if status == 400:
        expected = "parameter.enable_thinking must be set to false for non-streaming calls"
        assert error_of(reply)["message"] == expected


def test_a_token_that_opens_no_account_is_a_401_without_quota_headers(
    world: Any, error_of: Any, quotas: Any
) -> None:
    reply = world(tokens=("ms-right",)).chat(token="ms-wrong")  # noqa: S106
    assert (reply.status_code, error_of(reply)["message"]) == (401, DENIED)
    assert quotas(reply) == [None] * 4


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic x"}])
def test_a_call_without_a_bearer_token_is_a_401(world: Any, header: Any) -> None:
    here = world()
    path = "/v1/chat/completions"
    reply = here.run(lambda: here.client().post(path, content=asked(), headers=header))
    assert reply.status_code == 401


def test_models_are_listed_to_anyone(world: Any, quotas: Any) -> None:
    here = world(models=("a/b", "c/d"), tokens=("ms-right",))
    for token in (None, "garbage", "ms-right"):
        reply = here.get("/v1/models", token)
        assert reply.status_code == 200
        assert [model["id"] for model in reply.json()["data"]] == ["a/b", "c/d"]
        assert quotas(reply) == [None] * 4


def test_the_balance_tells_a_good_token_from_a_bad_one_and_costs_nothing(world: Any) -> None:
    here = world(tokens=("ms-right",), credits=250)
    good = here.get("/openapi/v1/magicubes/balance", "ms-right")
    assert good.status_code == 200
    content = good.json()
    assert content.pop("request_id")
    balance = {"total_balance": 250, "available_balance": 250, "frozen_amount": 0}
    assert content == {"success": True, "data": balance}
    for token in (None, "ms-wrong"):
        bad = here.get("/openapi/v1/magicubes/balance", token)
        assert (bad.status_code, bad.json()["code"]) == (401, "InvalidAuthentication")
        assert bad.json()["success"] is False
    assert here.simulator.stats().calls == 0


def test_other_paths_and_methods_lead_nowhere(world: Any) -> None:
    here = world()
    assert here.get("/v1/nothing").status_code == 404
    assert here.get("/v1/chat/completions").status_code == 405


def parts(url: object) -> list[Any]:
    return [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": url}]


def test_the_answer_depends_on_the_image_that_is_shown(world: Any) -> None:
    here = world()
    urls = ("https://a.example/1.png", "https://a.example/2.png", "data:image/png;base64,iVBO")
    said = [here.chat(parts({"url": url})).json()["choices"][0]["message"] for url in urls]
    assert len({message["content"] for message in said}) == 3
    again = here.chat(parts({"url": urls[0]})).json()["choices"][0]["message"]
    assert again == said[0]


@pytest.mark.parametrize("url", [{"url": "photos/1.png"}, {"url": "file:///1.png"}, {}, "x", None])
def test_an_image_that_cannot_be_seen_from_there_is_a_400(world: Any, url: Any) -> None:
    assert world().chat(parts(url)).status_code == 400
