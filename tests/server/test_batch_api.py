"""The OpenAI Batch API of `midnight serve`, by the official client."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import pytest
from support.waiting import PATIENCE_S

from runner.app.accounts.clients import Client
from runner.core.states import ApiBatchState
from runner.simulator import answer, make_image
from tests.server.conftest import MODEL, MORNING, UTC8, Served, Serving

CHAT = "/v1/chat/completions"
ASAP = '[run]\npace = "asap"'


def request(number: int, **changes: Any) -> dict[str, Any]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"question {number}"}]}
    return {"custom_id": f"r-{number}", "method": "POST", "url": CHAT, "body": body} | changes


def lines(*requests: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in requests)


def upload(client: openai.OpenAI, data: bytes) -> str:
    return client.files.create(file=("in.jsonl", data), purpose="batch").id


def create(client: openai.OpenAI, file_id: str, **more: Any) -> Any:
    usual: dict[str, Any] = {"endpoint": CHAT, "completion_window": "24h"}
    return client.batches.create(input_file_id=file_id, **(usual | more))


def ended(client: openai.OpenAI, batch_id: str, timeout_s: float = 20) -> Any:
    until = time.monotonic() + timeout_s
    while True:
        found = client.batches.retrieve(batch_id)
        if found.status in ("completed", "failed", "cancelled"):
            return found
        assert time.monotonic() < until, found
        time.sleep(0.1)


def results(client: openai.OpenAI, file_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def test_a_batch_goes_in_and_comes_out_whole(served: Served) -> None:
    client = served.client()
    file_id = upload(client, lines(*map(request, range(20))))
    made = create(client, file_id, metadata={"for": "a test"})
    assert (made.status, made.metadata, made.object) == ("validating", {"for": "a test"}, "batch")
    found = ended(client, made.id)
    assert (found.status, found.error_file_id, found.model) == ("completed", None, MODEL)
    counts = found.request_counts
    assert (counts.total, counts.completed, counts.failed) == (20, 20, 0)
    assert found.usage.total_tokens == found.usage.input_tokens + found.usage.output_tokens > 0
    rows = results(client, found.output_file_id)
    assert [row["custom_id"] for row in rows] == [f"r-{n}" for n in range(20)]
    for number, row in enumerate(rows):
        said = row["response"]["body"]["choices"][0]["message"]["content"]
        assert said == answer(request(number)["body"]["messages"])
        assert (row["response"]["status_code"], row["error"]) == (200, None)
    moments = [found.created_at, found.in_progress_at, found.finalizing_at, found.completed_at]
    assert moments == sorted(moments)
    assert found.expires_at > found.completed_at
    [own] = served.ledger("SELECT name, state FROM batches")
    assert own == (f"local: {made.id}", "active"), "it is an ordinary batch"


def test_a_file_that_is_no_batch_is_told_line_by_line(served: Served) -> None:
    client = served.client()
    wrong = [
        b"nope\n",
        lines({"custom_id": "a"}),
        lines(request(1), request(1)),
        lines(request(2, url="/v1/embeddings")),
        lines(request(3, body={**request(3)["body"], "stream": True})),
    ]
    found = ended(client, create(client, upload(client, b"".join(wrong))).id)
    assert found.status == "failed"
    told = [(one.line, one.code) for one in found.errors.data]
    assert told == [
        (1, "invalid_json_line"),
        (2, "missing_required_parameter"),
        (4, "duplicate_custom_id"),
        (5, "invalid_url"),
        (6, "streaming_unsupported"),
    ]
    assert served.simulator.stats().calls == 0
    empty = ended(client, create(client, upload(client, b"\n")).id)
    assert [one.code for one in empty.errors.data] == ["empty_file"]


def test_a_request_in_the_background_is_told_with_its_line(served: Served) -> None:
    client = served.client()
    wrong = request(2, body={**request(2)["body"], "background": True})
    found = ended(client, create(client, upload(client, lines(request(1), wrong))).id)
    told = [(one.line, one.code, one.param) for one in found.errors.data]
    assert told == [(2, "background_unsupported", "body.background")]


def test_a_batch_whose_requests_all_fail_has_an_error_file_alone(serving: Serving) -> None:
    with serving() as served:
        client = served.client()
        bad = [request(n, body={**request(n)["body"], "messages": "no list"}) for n in range(2)]
        found = ended(client, create(client, upload(client, lines(*bad))).id)
        assert (found.status, found.output_file_id) == ("completed", None)
        assert (found.request_counts.failed, found.request_counts.completed) == (2, 0)
        errors = results(client, found.error_file_id)
        assert [row["response"]["status_code"] for row in errors] == [400, 400]


def test_a_cancelled_batch_keeps_what_was_answered(serving: Serving) -> None:
    with serving(ASAP, calls_per_day=10) as served:
        client = served.client()
        made = create(client, upload(client, lines(*map(request, range(30)))))
        until = time.monotonic() + PATIENCE_S
        while client.batches.retrieve(made.id).request_counts.completed < 10:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert client.batches.retrieve(made.id).status == "in_progress", "it waits for tomorrow"
        assert client.batches.cancel(made.id).status == "cancelling"
        found = ended(client, made.id)
        assert found.status == "cancelled"
        assert len(results(client, found.output_file_id)) == 10
        codes = {row["error"]["code"] for row in results(client, found.error_file_id)}
        assert codes == {"batch_cancelled"}
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(made.id)


def test_a_batch_drains_over_days_while_chat_has_its_reserve(serving: Serving) -> None:
    """No call is refused by the provider, and none of the chat's is while its reserve lasts."""
    with serving(ASAP, calls_per_day=20, account="reserve = 5") as served:
        client = served.client()
        made = create(client, upload(client, lines(*map(request, range(30)))))
        for day in range(3):
            until = time.monotonic() + PATIENCE_S
            while client.batches.retrieve(made.id).request_counts.completed < min(
                30, 15 * (day + 1)
            ):
                assert time.monotonic() < until, served.ledger("SELECT * FROM windows")
                time.sleep(0.05)
            for number in range(5):
                messages: Any = [{"role": "user", "content": f"{day} {number}"}]
                client.chat.completions.create(model=MODEL, messages=messages)
            served.clock.jump(hours=24)
        found = ended(client, made.id)
        assert found.request_counts.completed == 30
        assert served.simulator.stats().refused == 0
        assert served.simulator.stats().answered == 30 + 15


def test_a_client_has_so_many_calls_a_day_for_chats_and_batches_together(serving: Serving) -> None:
    config = """
    [run]
    pace = "asap"
    zone = "Asia/Shanghai"
    [serve.clients.child]
    max_calls_per_day = 5
    """
    with serving(config) as served:
        client, other = (served.client(served.add_key(name)) for name in ("child", "other"))
        messages: Any = [{"role": "user", "content": "hi"}]
        for _ in range(2):
            client.chat.completions.create(model=MODEL, messages=messages)
        made = create(client, upload(client, lines(*map(request, range(8)))))
        until = time.monotonic() + PATIENCE_S
        while client.batches.retrieve(made.id).request_counts.completed < 3:
            assert time.monotonic() < until
            time.sleep(0.05)
        with pytest.raises(openai.RateLimitError, match="the 5 calls a day that child may make"):
            client.chat.completions.create(model=MODEL, messages=messages)
        assert other.chat.completions.create(model=MODEL, messages=messages).choices
        use = {one.name: (one.calls, one.most) for one in served.do(gateway(served).used_today)}
        assert use == {"child": (5, 5), "other": (1, None)}
        assert client.batches.retrieve(made.id).request_counts.completed == 3
        served.clock.jump(hours=17)
        assert ended(client, made.id).request_counts.completed == 8
        told = served.ledger("SELECT client, count(*) FROM calls GROUP BY client ORDER BY client")
        assert told == [("child", 10), ("other", 1)]


def gateway(served: Served) -> Any:
    return served.application.gateway()


@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_images_that_the_provider_makes_in_tasks_are_answers_of_a_batch(
    serving: Serving, form: str
) -> None:
    """Each is paid for once, polled by the engine, and told as OpenAI tells images."""
    url, model = "/v1/images/generations", "Qwen/Qwen-Image"

    def image(number: int) -> dict[str, Any]:
        body = {"model": model, "prompt": f"cat {number}", "response_format": form}
        return request(number, url=url, body=body)

    with serving(ASAP, image_ms=(100, 200)) as served:
        client = served.client()
        made = create(client, upload(client, lines(*map(image, range(3)))), endpoint=url)
        found = ended(client, made.id, 30)
        assert (found.status, found.request_counts.completed) == ("completed", 3)
        told = {one["custom_id"]: one["response"] for one in results(client, found.output_file_id)}
        assert served.simulator.stats().images == 3
        for number in range(3):
            reply = told[f"r-{number}"]
            assert reply["status_code"] == 200
            assert reply["body"]["created"] == int(reply["body"]["created"])
            [data] = reply["body"]["data"]
            assert data.keys() == {form}
            if form == "b64_json":
                assert base64.b64decode(data[form]) == make_image(f"cat {number}")


@pytest.mark.parametrize(
    ("url", "content"), [("/v1/responses", "input"), ("/v1/completions", "prompt")]
)
def test_other_requests_are_passed_on_where_the_provider_has_them(
    served: Served, url: str, content: str
) -> None:
    client = served.client()
    asked = request(1, url=url, body={"model": MODEL, content: "hello"})
    made = create(client, upload(client, lines(asked)), endpoint=url)
    found = ended(client, made.id)
    assert (found.status, found.request_counts.completed) == ("completed", 1)
    [line] = results(client, found.output_file_id)
    assert line["response"]["body"]["model"] == MODEL


def test_lists_are_paged_by_the_last_id(served: Served) -> None:
    client = served.client()
    files = [upload(client, lines(request(n))) for n in range(5)]
    made = [create(client, one).id for one in files]
    page = client.batches.list(limit=2)
    assert ([one.id for one in page.data], page.has_more) == ([made[4], made[3]], True)
    assert [one.id for one in client.batches.list(limit=2)] == made[::-1]
    assert [one.id for one in client.batches.list(after=made[1])] == [made[0]]
    oldest_first: Any = {"order": "asc"}
    pages = client.batches.list(limit=2, extra_query=oldest_first)
    assert [one.id for one in pages] == made
    wanted: dict[str, Any] = {"purpose": "batch", "limit": 2}
    assert [one.id for one in client.files.list(**wanted)] == files[::-1]
    assert [one.id for one in client.files.list(order="asc", **wanted)] == files


def test_files_are_seen_read_and_deleted_by_their_client_alone(serving: Serving) -> None:
    with serving() as served:
        mine, yours = (served.client(served.add_key(name)) for name in ("me", "you"))
        data = lines(request(1))
        file_id = upload(mine, data)
        assert mine.files.retrieve(file_id).bytes == len(data)
        assert mine.files.content(file_id).content == data
        for ask in (yours.files.retrieve, yours.files.content, yours.files.delete):
            with pytest.raises(openai.NotFoundError):
                ask(file_id)
        with pytest.raises(openai.NotFoundError):
            create(yours, file_id)
        assert mine.files.delete(file_id).deleted
        with pytest.raises(openai.NotFoundError):
            mine.files.retrieve(file_id)


def test_the_same_idempotency_key_makes_one_batch(served: Served) -> None:
    client = served.client()
    file_id = upload(client, lines(request(1)))
    once, twice = (
        create(client, file_id, extra_headers={"Idempotency-Key": "k"}).id for _ in range(2)
    )
    assert once == twice


@pytest.mark.parametrize(
    "path",
    ["/v1/files/../../etc/passwd", "/v1/files/file-..%2f..%2fqueue.db/content", "/v1/files/%00"],
)
def test_no_id_reaches_another_file(served: Served, path: str) -> None:
    with served.http() as http:
        assert http.get(path).status_code == 404


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"garbage"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x--\r\n',
        ),
    ],
)
def test_garbage_is_no_upload(
    served: Served, tmp_path: Path, content_type: str, body: bytes
) -> None:
    with served.http() as http:
        found = http.post("/v1/files", content=body, headers={"Content-Type": content_type})
    assert found.status_code == 400
    assert found.json()["error"]["message"]
    assert list((tmp_path / "queue.db-files").glob("*")) == []


@pytest.mark.parametrize(
    "after", [{"anchor": "now", "seconds": 4_000}, {"seconds": 4_000}, {"anchor": "created_at"}]
)
def test_a_life_of_a_file_that_cannot_be_is_told(served: Served, after: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        served.client().files.create(
            file=("in.jsonl", lines(request(1))), purpose="batch", expires_after=after
        )
    assert caught.value.param == "expires_after"


@pytest.mark.parametrize(
    "query",
    [
        "limit=",
        "limit=0",
        "limit=x",
        "limit=000000001999999999",
        pytest.param(f"limit={'0' * 5_000}1", id="long"),
        "order=",
        "order=up",
    ],
)
def test_a_list_that_cannot_be_is_told(served: Served, query: str) -> None:
    with served.http() as http:
        found = http.get(f"/v1/files?{query}")
        assert (found.status_code, found.json()["error"]["param"]) == (400, query.partition("=")[0])
        assert http.get(f"/v1/batches?{query}").status_code == 400
        assert http.get("/v1/files?after=&purpose=").status_code == 200


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"endpoint": "/v1/audio"}, "endpoint"),
        ({"completion_window": "48h"}, "completion_window"),
        ({"metadata": {"k": "v" * 600}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 5}}, "output_expires_after"),
        ({"output_expires_after": {"anchor": "now", "seconds": 5_000}}, "output_expires_after"),
        ({"output_expires_after": 7}, "output_expires_after"),
    ],
)
def test_what_a_batch_may_not_be_is_told(
    served: Served, changes: dict[str, Any], param: str
) -> None:
    client = served.client()
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, upload(client, lines(request(1))), **changes)
    assert caught.value.param == param


def test_a_restarted_server_goes_on_with_its_batches(serving: Serving) -> None:
    with serving(ASAP, calls_per_day=10) as served:
        client = served.client()
        made = create(client, upload(client, lines(*map(request, range(15)))))
        until = time.monotonic() + PATIENCE_S
        while client.batches.retrieve(made.id).request_counts.completed < 10:
            assert time.monotonic() < until
            time.sleep(0.1)
    served.clock.jump(hours=24)
    with serving(ASAP, clock=served.clock, simulator=served.simulator) as again:
        found = ended(again.client(), made.id)
        assert found.request_counts.completed == 15
        assert again.simulator.stats().answered == 15


def test_a_batch_expires_on_the_day_that_the_forecast_has_it_done(serving: Serving) -> None:
    with serving(ASAP, calls_per_day=10) as served:
        client = served.client()
        made = create(client, upload(client, lines(*map(request, range(35)))))
        until = time.monotonic() + PATIENCE_S
        while (found := client.batches.retrieve(made.id)).request_counts.completed < 10:
            assert time.monotonic() < until
            time.sleep(0.1)
        told = [found.expires_at, client.batches.list().data[0].expires_at]
        days = [datetime.fromtimestamp(one, UTC8).date() for one in told]
        assert days == [(MORNING + timedelta(days=3)).date()] * 2


def test_a_batch_expires_no_sooner_than_its_client_may_have_made_its_calls(
    serving: Serving,
) -> None:
    own = '\n[serve.clients.child]\nmax_calls_per_day = 3\n[run]\nzone = "Asia/Shanghai"\n'
    with serving(own) as served:
        client = served.client(served.add_key("child"))
        made = create(client, upload(client, lines(*map(request, range(10)))))
        until = time.monotonic() + PATIENCE_S
        while (found := client.batches.retrieve(made.id)).request_counts.completed < 3:
            assert time.monotonic() < until
            time.sleep(0.1)
        day = datetime.fromtimestamp(found.expires_at, UTC8).date()
        assert day == (MORNING + timedelta(days=3)).date()


def test_a_batch_that_another_server_has_finished_stays_as_it_was_told(served: Served) -> None:
    client = served.client()
    made = ended(client, create(client, upload(client, lines(request(1)))).id)
    api, worker = gateway(served).batches, gateway(served).batch_worker

    async def finish_again() -> None:
        status = await api.get(Client("local"), made.id)
        stale = replace(status.entry, state=ApiBatchState.FINALIZING)
        await worker._finish(stale, status.batch)

    served.clock.jump(hours=1)
    served.do(finish_again)
    again = client.batches.retrieve(made.id)
    assert again == made


def test_a_batch_that_is_deleted_here_has_failed_for_its_client(serving: Serving) -> None:
    with serving(ASAP, calls_per_day=2) as served:
        client = served.client()
        made = create(client, upload(client, lines(*map(request, range(5)))))
        until = time.monotonic() + PATIENCE_S
        while client.batches.retrieve(made.id).request_counts.completed < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        [(own,)] = served.ledger("SELECT batch_id FROM api_batches")
        from tests.store.releases import raw

        with raw(served.database) as connection:
            connection.execute("UPDATE batches SET deleted_at_ms = 1 WHERE id = ?", (own,))
        found = ended(client, made.id)
        assert [one.code for one in found.errors.data] == ["batch_deleted"]
