"""Chat, streams, embeddings and images through `midnight serve`, by the official client."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import openai
import orjson
import pytest
from support.waiting import PATIENCE_S

from runner.app.accounts import clients
from runner.app.serving import image_results
from runner.server import proxy
from tests.server.conftest import MODEL, TOKEN, Served, Serving

HI: Any = [{"role": "user", "content": "hi there"}]


def chat(served: Served, text: str = "hi there", **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    return served.client().chat.completions.create(model=MODEL, messages=messages, **more)


def test_a_chat_is_answered_and_accounted(served: Served) -> None:
    answer = chat(served)
    assert answer.choices[0].message.content.startswith("Simulated answer")
    assert answer.usage.total_tokens > 0
    time.sleep(0.2)
    assert served.ledger() == [("local", "done")]
    [(prompt, completion)] = served.ledger("SELECT prompt_tokens, completion_tokens FROM calls")
    assert prompt + completion == answer.usage.total_tokens


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_comes_piece_by_piece_and_its_tokens_are_counted(
    served: Served, *, asked: bool
) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if asked else {}
    chunks = list(chat(served, stream=True, **options))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == chat(served).choices[0].message.content
    assert all(chunk.choices for chunk in chunks[:-1])
    assert (chunks[-1].usage is not None) is asked
    time.sleep(0.2)
    counted = served.ledger("SELECT prompt_tokens > 0, completion_tokens > 0 FROM calls")
    assert counted == [(1, 1)] * 2


def test_a_provider_that_knows_no_streams_is_streamed_all_the_same() -> None:
    body = '{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
    assert proxy.as_events(body).count(b'"delta":{"content":"yes"}') == 1
    assert proxy.as_events("no\r\n json\r") == b"data: no   json \n\ndata: [DONE]\n\n"


def test_an_error_that_the_provider_writes_on_several_lines_is_one_event(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "KEEP_ALIVE_S", 0.02)
    with serving(latency_ms=(300, 300)) as served, served.http() as http:
        monkeypatch.setattr(orjson, "dumps", partial(orjson.dumps, option=orjson.OPT_INDENT_2))
        body = {"model": MODEL, "messages": [], "stream": True}
        told = http.post("/v1/chat/completions", content=json.dumps(body)).text
    assert told.startswith(": waiting\n\n")
    [event] = [part for part in told.split("\n\n") if not part.startswith(":") and part]
    assert event.startswith("data: {")
    assert "\n" not in event
    assert "messages" in json.loads(event.removeprefix("data: "))["error"]["message"]


def test_embeddings_pass_as_the_client_asked_for_them(served: Served) -> None:
    found = served.client().embeddings.create(model="Qwen/Qwen3-Embedding-8B", input=["a", "b"])
    assert len(found.data) == 2
    assert len(found.data[0].embedding) == len(found.data[1].embedding) > 8


@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_images_that_the_provider_makes_in_tasks_come_with_the_reply(
    served: Served, form: Any
) -> None:
    found = served.client().images.generate(
        model="Qwen/Qwen-Image", prompt="a cat", response_format=form
    )
    assert found.data is not None
    assert bool(found.data[0].url) is (form == "url")
    assert bool(found.data[0].b64_json) is (form == "b64_json")


def test_models_are_listed_with_what_is_left_today(serving: Serving) -> None:
    with serving(calls_per_day=200, models=(MODEL, "other")) as served, served.http() as http:
        chat(served)
        assert [one["id"] for one in http.get("/v1/models").json()["data"]] == [MODEL, "other"]
        title = f"{MODEL} (199 left today)"
        _eventually(lambda: http.get("/v1/models").json()["data"][0]["name"] == title)
        assert [one.id for one in served.client().models.list()] == [MODEL, "other"]
        assert served.client().models.retrieve(MODEL).id == MODEL


@pytest.mark.parametrize("prefix", ["", "/v1", "/v1/v1", "//v1/"])
def test_prefixes_that_are_missing_or_doubled_are_taken(served: Served, prefix: str) -> None:
    with served.http() as http:
        assert http.get(f"{prefix}/models").status_code == 200
        body = {"model": MODEL, "messages": HI}
        assert http.post(f"{prefix}/chat/completions", json=body).status_code == 200


def test_a_spent_day_is_told_and_the_next_one_goes_on(serving: Serving) -> None:
    with serving(calls_per_day=5) as served:
        for number in range(5):
            chat(served, f"hi {number}")
        with pytest.raises(openai.RateLimitError) as caught:
            chat(served)
        told = caught.value
        assert "today's allowance of mine is spent (5 of 5 calls)" in told.message
        assert told.response.headers["x-should-retry"] == "false"
        assert 15 * 3600 < int(told.response.headers["retry-after"]) <= 17 * 3600
        assert told.body["code"] == "insufficient_quota"  # type: ignore[index]
        served.clock.jump(hours=17)
        assert chat(served, "a new day").choices
        assert served.simulator.stats().refused == 0


def test_a_request_waits_for_the_reset_if_it_asks_for_it(serving: Serving) -> None:
    with serving(calls_per_day=1) as served:
        chat(served, "the only one")
        jump = threading.Timer(0.5, lambda: served.clock.jump(hours=17))
        jump.start()
        begun = time.monotonic()
        answer = chat(served, "one more", extra_headers={"X-Midnight-Wait": "70000"})
        assert answer.choices
        assert time.monotonic() - begun >= 0.5


def test_a_check_never_waits_and_is_answered_from_memory(serving: Serving) -> None:
    check = {
        "model": MODEL,
        "messages": [{"role": "system", "content": "test"}, {"role": "user", "content": "hi"}],
    }
    with serving('[serve]\nwait = "20h"', calls_per_day=1) as served, served.http() as http:
        first = http.post("/v1/chat/completions", json=check)
        again = http.post("/v1/chat/completions", json=check)
        assert (first.json(), again.json()) == (first.json(), first.json())
        assert again.headers["x-midnight-memory"] == "check"
        other = check | {"temperature": 0}
        assert http.post("/v1/chat/completions", json=other).status_code == 429
        assert served.simulator.stats().calls == 1


def test_a_name_may_stand_for_several_models(serving: Serving) -> None:
    config = f'[serve]\nmodels = {{ auto = ["retired/model", "{MODEL}"] }}'
    with serving(config, retired=frozenset({"retired/model"})) as served:
        client = served.client()
        found = client.chat.completions.with_raw_response.create(model="auto", messages=HI)
        assert found.headers["x-midnight-model"] == MODEL
        assert "auto" in [one.id for one in client.models.list()]


def test_what_the_provider_rejects_is_passed_on(served: Served) -> None:
    with pytest.raises(openai.BadRequestError, match="messages"):
        served.client().chat.completions.create(model=MODEL, messages=[])
    with served.http() as http:
        found = http.post("/v1/chat/completions", json={"model": MODEL, "messages": []})
    assert found.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 400, "not a JSON object"),
        (b'{"messages": []}', 400, "model"),
        (b" " * 40_000_000, 413, "larger than"),
    ],
)
def test_requests_that_are_wrong_are_told_so(
    served: Served, body: bytes, status: int, told: str
) -> None:
    with served.http() as http:
        found = http.post("/v1/chat/completions", content=body)
    assert found.status_code == status
    assert told in found.json()["error"]["message"]
    assert served.simulator.stats().calls == 0


def test_nothing_is_told_of_the_token_nor_of_keys(serving: Serving, tmp_path: Path) -> None:
    with serving() as served:
        key = served.add_key("laptop")
        with pytest.raises(openai.AuthenticationError, match="does not know this key"):
            chat(served)
        answer = served.client(key).chat.completions.create(model=MODEL, messages=HI)
        assert answer.choices
        time.sleep(0.2)
        assert served.ledger() == [("laptop", "done")]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("queue.db*") if path.is_file())
    assert key.encode() not in stored
    assert TOKEN.encode() not in stored


def test_a_server_that_asked_for_keys_goes_on_asking_when_the_last_is_removed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "REREAD_S", 0)
    key = served.add_key("laptop")
    left = served.do(served.application.gateway().clients.remove_key, "laptop")
    assert left == 0
    auth = {"Authorization": f"Bearer {key}"}
    with served.http() as http:
        asked = [http.get("/v1/models"), http.get("/v1/models", headers=auth), http.get("/")]
    assert [one.status_code for one in asked] == [401, 401, 401]
    again = {"Authorization": f"Bearer {served.add_key('phone')}"}
    with served.http(headers=again) as http:
        assert http.get("/v1/models").status_code == 200


def test_a_client_may_have_so_many_calls_a_day_and_only_its_models(serving: Serving) -> None:
    config = f"""
    [serve.clients.child]
    max_calls_per_day = 2
    models = {{ chat = "{MODEL}" }}
    """
    with serving(config) as served:
        client = served.client(served.add_key("child"))
        with pytest.raises(openai.NotFoundError, match="not served here"):
            client.chat.completions.create(model=MODEL, messages=HI)
        for _ in range(2):
            client.chat.completions.create(model="chat", messages=HI)
        with pytest.raises(
            openai.RateLimitError,
            match="the 2 calls a day that child may make are made; calls are let in again at",
        ):
            client.chat.completions.create(model="chat", messages=HI)
        assert [one.id for one in client.models.list()] == ["chat"]


def test_other_names_of_the_server_and_pages_of_browsers_are_refused(serving: Serving) -> None:
    config = '[serve]\ncors_origins = ["https://chat.example.org"]'
    with serving(config) as served, served.http() as http:
        assert http.get("/v1/models", headers={"Host": "evil.example"}).status_code == 421
        assert http.get("/v1/models", headers={"Host": "localhost:1"}).status_code == 200
        foreign = http.get("/v1/models", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        asked = {"Origin": "https://chat.example.org", "Access-Control-Request-Method": "POST"}
        found = http.options("/v1/chat/completions", headers=asked)
        assert (found.status_code, found.headers["access-control-allow-origin"]) == (
            204,
            "https://chat.example.org",
        )


def test_a_client_that_leaves_a_stream_has_it_cancelled_and_settled(serving: Serving) -> None:
    with serving(calls_per_day=200) as served:
        body = {"model": MODEL, "messages": HI, "stream": True}
        with (
            served.http() as http,
            http.stream("POST", "/v1/chat/completions", json=body) as reply,
        ):
            next(reply.iter_raw())
        _eventually(lambda: served.ledger() == [("local", "done")])
        _eventually(lambda: served.simulator.stats().in_flight == 0)


def test_a_client_that_leaves_before_the_answer_has_it_cancelled(serving: Serving) -> None:
    with serving(latency_ms=(3_000, 3_000)) as served, served.http() as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/v1/chat/completions", json={"model": MODEL, "messages": HI}, timeout=0.5)
        _eventually(lambda: served.ledger() == [("local", "transient")])
        assert served.ledger("SELECT spent, reserved FROM windows WHERE model = ''")[0] == (1, 0)


def test_a_client_that_leaves_before_its_image_is_made_ends_the_wait_and_not_the_account(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_results, "POLL_EVERY_S", 0.05)
    with serving(calls_per_day=200, image_ms=(600_000, 600_000)) as served:
        tasks, polls = served.simulator.image_tasks, list[str]()
        status = tasks.status

        def counted(account: str, task_id: str, now_ms: int) -> Any:
            polls.append(task_id)
            return status(account, task_id, now_ms)

        monkeypatch.setattr(tasks, "status", counted)
        body = {"model": "Qwen/Qwen-Image", "prompt": "a cat"}
        with served.http() as http, pytest.raises(httpx.ReadTimeout):
            http.post("/v1/images/generations", json=body, timeout=1)
        assert polls, "it was waited for"
        time.sleep(0.3)
        before = len(polls)
        time.sleep(0.5)
        assert len(polls) == before
        assert served.ledger() == [("local", "done")]
        assert served.ledger("SELECT spent, reserved FROM windows WHERE model = ''")[0] == (1, 0)


def test_many_slow_connections_hold_nobody_up(served: Served) -> None:
    port = int(served.url.rpartition(":")[2])
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = min(1_000, (most - 200) // 2)  # both ends are this process's
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    for one in slow:
        one.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        )
    try:
        assert chat(served).choices
    finally:
        for one in slow:
            one.close()


def _eventually(is_so: Any) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)
