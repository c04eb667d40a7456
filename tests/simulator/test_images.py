"""Images as callers see them: requested, waited for, downloaded; and their faults."""

from __future__ import annotations

import base64
import io
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image

from runner.simulator import FAULT_KINDS, IMAGE_FAULT_KINDS, make_image
from runner.simulator.image_tasks import TOO_LARGE_BYTES, URL_TTL_MS

MODEL = "Qwen/Qwen-Image"
BEARER = {"Authorization": "Bearer ms-somebody"}
IN_TASK = {**BEARER, "X-ModelScope-Async-Mode": "true"}
OF_IMAGES = {"X-ModelScope-Task-Type": "image_generation"}
PLACE = "/v1/images/generations"


def request_image(here: Any, headers: Any = IN_TASK, **fields: Any) -> httpx.Response:
    body = {"model": MODEL, "prompt": "a cat", **fields}
    return here.run(lambda: here.client().post(PLACE, json=body, headers=headers))


def poll(here: Any, task_id: str, headers: Any = BEARER, after_s: float = 0) -> httpx.Response:
    async def main() -> httpx.Response:
        await anyio.sleep(after_s)
        asked = {**OF_IMAGES, **headers}
        return await here.client().get(f"/v1/tasks/{task_id}", headers=asked)

    return here.run(main)


def made(here: Any, **fields: Any) -> list[str]:
    """The URLs of a task that has had its time."""
    task = poll(here, request_image(here, **fields).json()["task_id"], after_s=12).json()
    assert task["task_status"] == "SUCCEED"
    return task["output_images"]


def see(here: Any, url: str, **headers: str) -> httpx.Response:
    return here.run(lambda: here.client().get(url, headers=headers))


def test_a_task_is_pending_then_in_progress_then_done(world: Any) -> None:
    here = world(image_ms=(9000, 9000))
    begun = request_image(here)
    assert begun.status_code == 200
    task_id = begun.json()["task_id"]
    states = [poll(here, task_id, after_s=2.5).json()["task_status"] for _ in range(4)]
    assert states == ["PENDING", "PROCESSING", "PROCESSING", "SUCCEED"]


def test_the_image_is_a_png_and_a_function_of_its_prompt(world: Any) -> None:
    here = world()
    (url,) = made(here)
    reply = see(here, url)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
    assert reply.content == make_image("a cat") == make_image("a cat")
    assert make_image("a dog") != make_image("a cat") != make_image("a cat", 1)
    with Image.open(io.BytesIO(reply.content)) as image:
        image.load()
        assert (image.size, image.mode) == ((8, 8), "RGB")


def test_several_images_of_a_prompt_differ(world: Any) -> None:
    here = world()
    seen = [see(here, url).content for url in made(here, n=2)]
    assert seen == [make_image("a cat", 0), make_image("a cat", 1)]


def test_without_the_header_the_images_come_at_once(world: Any) -> None:
    here = world()
    (place,) = request_image(here, BEARER).json()["data"]
    assert see(here, place["url"]).content == make_image("a cat")
    (held,) = request_image(here, BEARER, response_format="b64_json").json()["data"]
    assert base64.b64decode(held["b64_json"]) == make_image("a cat")


def test_only_the_call_is_paid_for_not_the_polling(world: Any, quotas: Any) -> None:
    here = world(credits=3, calls_per_day=5)
    assert quotas(request_image(here)) == [None] * 4
    made(here)
    stats = here.simulator.stats()
    assert (stats.calls, stats.images, stats.image_prompts) == (2, 2, 1)
    assert here.simulator.balance("ms-somebody").available == 1
    assert quotas(request_image(world())) == ["2000", "1999", "500", "499"]


def test_a_task_is_its_accounts_own(world: Any) -> None:
    here = world(tokens=("ms-somebody", "ms-other"))
    task_id = request_image(here).json()["task_id"]
    assert poll(here, task_id).status_code == 200
    assert poll(here, task_id, {"Authorization": "Bearer ms-other"}).status_code == 404
    assert poll(here, task_id, {"Authorization": "Bearer ms-stranger"}).status_code == 401
    assert poll(here, task_id, {**BEARER, "X-ModelScope-Task-Type": "video"}).status_code == 400
    assert poll(here, "none", BEARER).status_code == 404


def test_a_url_is_signed_and_lasts_a_day(world: Any) -> None:
    here = world()
    (url,) = made(here)
    assert see(here, url, **BEARER).status_code == 400, "a token and a signature are one too many"
    assert see(here, url.replace("-0.png", "-1.png")).status_code == 403
    assert see(here, url.split("?")[0]).status_code == 403
    assert see(here, url.replace("Expires=", "Expires=9")).status_code == 403

    async def a_day_later() -> httpx.Response:
        await anyio.sleep(URL_TTL_MS / 1000)
        return await here.client().get(url)

    assert here.run(a_day_later).status_code == 403


def test_a_call_that_is_refused_begins_no_task(world: Any) -> None:
    here = world(calls_per_day=0, envelope="flat")
    refused = request_image(here)
    assert refused.status_code == 429
    assert poll(here, refused.json()["request_id"], after_s=20).status_code == 404
    assert here.simulator.stats().images == 0


@pytest.mark.parametrize(
    "fields", [{"prompt": ""}, {"prompt": 3}, {"n": 0}, {"n": 5}, {"n": True}, {"model": "no/such"}]
)
def test_what_the_api_does_not_define_is_a_400(world: Any, fields: Any) -> None:
    here = world()
    assert request_image(here, **fields).status_code == 400
    assert here.simulator.stats().images == 0


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_faults_befall_it_as_they_do_a_chat_call(world: Any, kind: str) -> None:
    here = world(faults={kind: 1.0})
    try:
        reply = request_image(here)
    except httpx.TransportError:
        assert kind in {"drop", "hang"}
    else:
        statuses = {"error_500": 500, "bad_gateway": 502, "throttle": 429}
        assert reply.status_code == statuses.get(kind, 200)
        assert kind != "empty_shell" or not reply.json()["task_id"]
    assert here.simulator.stats().images == int(kind != "throttle")


def test_a_task_may_fail(world: Any) -> None:
    here = world(faults={"task_failed": 1.0})
    task = poll(here, request_image(here).json()["task_id"], after_s=12).json()
    assert task["task_status"] == "FAILED"
    assert set(task["errors"]) == {"code", "message"}


def test_a_task_may_be_forgotten(world: Any) -> None:
    here = world(faults={"task_lost": 1.0})
    task_id = request_image(here).json()["task_id"]
    assert [poll(here, task_id, after_s=s).status_code for s in (0, 12)] == [200, 404]


def test_the_first_url_may_have_expired_and_the_next_has_not(world: Any) -> None:
    here = world(faults={"url_expired": 1.0})
    task_id = request_image(here).json()["task_id"]
    urls = [poll(here, task_id, after_s=12).json()["output_images"][0] for _ in range(2)]
    assert [see(here, url).status_code for url in urls] == [403, 200]


@pytest.mark.parametrize("kind", ["image_garbage", "image_html", "image_too_large", "bad_answer"])
def test_something_else_may_be_where_the_image_should_be(world: Any, kind: str) -> None:
    """Whatever it is, it is called a PNG."""
    here = world(faults={kind: 1.0})
    reply = see(here, made(here)[0])
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
    assert reply.content.startswith(b"\x89PNG") is (kind == "image_too_large")
    assert (len(reply.content) > TOO_LARGE_BYTES) is (kind == "image_too_large")


def test_a_failing_server_fails_those_who_look_too(world: Any) -> None:
    here = world(faults={"error_500": 0.3})
    task_id = "none"
    statuses = [poll(here, task_id).status_code for _ in range(60)]
    assert set(statuses) == {404, 500}
    assert 8 <= statuses.count(500) <= 30


def test_polling_does_not_change_the_draws_of_the_calls(world: Any) -> None:
    faults = {"error_500": 0.5, "task_failed": 0.5}
    polled, not_polled = world(faults=faults), world(faults=faults)
    for number in range(20):
        replies = [
            request_image(here, prompt=f"{number}").status_code for here in (polled, not_polled)
        ]
        assert replies[0] == replies[1]
        poll(polled, "none")


def test_every_image_fault_strikes_about_as_often_as_asked(world: Any) -> None:
    share = 1 / len(IMAGE_FAULT_KINDS)
    here = world(faults=dict.fromkeys(IMAGE_FAULT_KINDS, share), calls_per_day_per_model=None)
    ids = [request_image(here, prompt=f"{number}").json()["task_id"] for number in range(120)]
    drawn = [here.simulator.image_tasks._tasks[task_id].fault for task_id in ids]
    assert all(8 <= drawn.count(kind) <= 34 for kind in IMAGE_FAULT_KINDS)
