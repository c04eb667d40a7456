"""What becomes of rows whose replies are cut off, empty, refused or elsewhere: whole runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner.core.answer_formats import RETRY_MS
from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason
from runner.engine.run import RunOptions
from runner.store.batch_rows import ExportRow
from tests.support.world import World, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))
JOB = """
[job]
name = "letters"
model = "m"
[prompt]
user = "Row: {{{{ text }}}}"
"""
LABEL = JOB + '[answer]\nkind = "label"\nlabels = ["a", "b"]\n'
NUMBER = JOB + '[answer]\nkind = "number"\n'
CAPPED = "[parameters]\nmax_tokens = 10\n"

Body = dict[str, Any]
Script = Callable[[Body], httpx.Response]


def answered(content: Any, reason: str | None = "stop", **more: Any) -> httpx.Response:
    choice = {"index": 0, "finish_reason": reason, "message": {"content": content}}
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    return httpx.Response(200, json={"choices": [choice], "usage": usage, **more})


def asks_about(body: Body, row: int) -> bool:
    return any(message["content"] == f"Row: letters {row}" for message in body["messages"])


def run(
    folder: Path,
    rows: int,
    job: str,
    script: Script,
    stop_reason: StopReason = StopReason.DONE,
    **more: Any,
) -> tuple[list[ExportRow], list[Body], list[Any]]:
    """The rows in the end, the calls that were made, and the ledger by day."""
    calls: list[Body] = []
    found: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(json.loads(request.content))
        return script(calls[-1])

    async def story(world: World) -> None:
        batch = await world.queue(rows, job=job)
        transport = httpx.MockTransport(handler)
        options = RunOptions(rules=ASAP.rules, **more)
        ended = await world.run(options, provider="openai-compatible", transport=transport)
        assert ended is stop_reason
        found.extend([await world.rows(batch), await world.days()])
        assert not await world.defects()

    simulate(folder, story)
    return found[0], calls, found[1]


@pytest.mark.parametrize(
    ("job", "content"),
    [(LABEL, "a"), (NUMBER, "14"), (NUMBER, '{"answer": 14}'), (JOB, "The room")],
)
def test_an_answer_that_broke_off_is_asked_for_once_more_with_more_room(
    tmp_path: Path, job: str, content: str
) -> None:
    def script(body: Body) -> httpx.Response:
        return answered(content, "length" if body["max_tokens"] < 40 else "stop")

    rows, calls, _ = run(tmp_path, 1, job + CAPPED, script)
    assert rows[0].error is None
    assert rows[0].answer in {"a", "14", "The room"}
    assert len(calls) == 2
    assert calls[1]["max_tokens"] >= calls[0]["max_tokens"] + 30
    assert len(calls[1]["messages"]) == len(calls[0]["messages"]), "asked afresh"


@pytest.mark.parametrize(("job", "asked"), [(LABEL, 2), (NUMBER, 2), (JOB, 2)])
def test_an_answer_that_breaks_off_again_is_none(tmp_path: Path, job: str, asked: int) -> None:
    rows, calls, _ = run(tmp_path, 1, job + CAPPED, lambda _body: answered("a", "length"))
    assert (rows[0].answer, len(calls)) == (None, asked)
    assert 'broke off at its token limit: "a…"; raise max_tokens' in (rows[0].error or "")


@pytest.mark.parametrize(("job", "asked"), [(LABEL, 3), (NUMBER, 3), (JOB, 1)])
def test_without_a_cap_of_ours_a_text_is_not_asked_for_again(
    tmp_path: Path, job: str, asked: int
) -> None:
    rows, calls, _ = run(tmp_path, 1, job, lambda _body: answered("14", "length"))
    assert (rows[0].answer, len(calls)) == (None, asked)
    assert "set max_tokens under [parameters]" in (rows[0].error or "")


def test_an_answer_that_a_filter_stopped_is_none(tmp_path: Path) -> None:
    rows, calls, _ = run(tmp_path, 1, JOB, lambda _body: answered("The", "content_filter"))
    assert (rows[0].answer, len(calls)) == (None, 1)
    assert "content filter" in (rows[0].error or "")


def test_an_answer_that_failed_on_the_way_is_tried_again(tmp_path: Path) -> None:
    replies = iter([answered("The ro", "error"), answered("The room", "stop")])
    rows, calls, _ = run(tmp_path, 1, JOB, lambda _body: next(replies))
    assert (rows[0].answer, len(calls)) == ("The room", 2)


@pytest.mark.parametrize("usage", [{"prompt_tokens": 9}, None])
@pytest.mark.parametrize("last", [False, True])
def test_rows_whose_replies_are_always_empty_fail_alone(
    tmp_path: Path,
    usage: Any,
    last: bool,  # noqa: FBT001
) -> None:
    bad = (18, 19) if last else (0, 7)

    def script(body: Body) -> httpx.Response:
        if any(asks_about(body, row) for row in bad):
            return httpx.Response(200, json={"choices": None, "usage": usage})
        return answered("a")

    rows, calls, days = run(tmp_path, 20, LABEL, script)
    assert [number for number, row in enumerate(rows) if row.error] == list(bad)
    assert all("the reply holds no choice" in (rows[row].error or "") for row in bad)
    assert len(calls) <= 18 + 2 * 7 + 1
    if usage:
        assert sum(day.spent for day in days) == len(calls), "the provider charges them"


def test_a_provider_that_answers_nobody_fails_no_row(tmp_path: Path) -> None:
    shells = 60
    seen: list[Body] = []

    def script(body: Body) -> httpx.Response:
        seen.append(body)
        if len(seen) <= shells:
            return httpx.Response(200, json={"id": "", "choices": None})
        return answered("a")

    rows, _, _ = run(tmp_path, 30, LABEL, script)
    assert not [row.error for row in rows if row.error]


def test_load_that_passes_soon_costs_a_small_batch_seconds(tmp_path: Path) -> None:
    seen: list[Body] = []
    took: list[float] = []

    def script(body: Body) -> httpx.Response:
        seen.append(body)
        if len(seen) <= 6:
            return httpx.Response(400, json={"code": 50508, "msg": "System is too busy now"})
        return answered("a")

    async def story(world: World) -> None:
        batch = await world.queue(3, job=LABEL)
        transport = httpx.MockTransport(lambda request: script(json.loads(request.content)))
        began = world.clock.now()
        await world.run(ASAP, provider="openai-compatible", transport=transport)
        took.append((world.clock.now() - began) / 1000)
        assert all(row.answer == "a" for row in await world.rows(batch))

    simulate(tmp_path, story, tick_s=5.0)
    assert took[0] < 120


@pytest.mark.parametrize(
    "page",
    [
        httpx.Response(302, headers={"location": "http://10.0.0.1/login"}),
        httpx.Response(308, headers={"location": "https://www.provider.example/v1"}),
        httpx.Response(303),
        httpx.Response(200, html="<html><title>Sign in</title></html>"),
        httpx.Response(204),
    ],
    ids=lambda page: str(page.status_code),
)
def test_a_login_page_in_the_middle_of_a_run_fails_no_row(
    tmp_path: Path, page: httpx.Response
) -> None:
    seen: list[Body] = []

    def script(body: Body) -> httpx.Response:
        seen.append(body)
        if 5 < len(seen) <= 30:
            return httpx.Response(page.status_code, headers=page.headers, content=page.content)
        return answered("a")

    rows, _, _ = run(tmp_path, 60, LABEL, script)
    assert [row for row in rows if row.answer != "a"] == []


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_refusal_of_the_format_that_does_not_name_it_costs_few_calls(
    tmp_path: Path, status: int
) -> None:
    failed: list[bool] = []

    def script(body: Body) -> httpx.Response:
        if "response_format" in body:
            failed.append(True)
            return httpx.Response(status, json={"message": "Something is wrong"})
        return answered("a")

    rows, _, _ = run(tmp_path, 60, LABEL, script)
    assert [row for row in rows if row.answer != "a"] == []
    assert len(failed) <= 6


def test_a_refused_response_format_costs_one_call_whoever_runs_next(tmp_path: Path) -> None:
    """The next process reads from the database what the model has refused, until it is retried."""
    sent: list[bool] = []
    runs: list[list[bool]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append("response_format" in json.loads(request.content))
        if sent[-1]:
            return httpx.Response(400, json={"message": "response_format is not supported"})
        return answered("a")

    async def story(world: World) -> None:
        for name in ("first", "second", "third"):
            await world.queue(2, job=LABEL, name=name)
            transport = httpx.MockTransport(handler)
            await world.run(ASAP, provider="openai-compatible", transport=transport)
            runs.append(sent[:])
            sent.clear()
            if name == "second":
                world.clock.jump(RETRY_MS)

    simulate(tmp_path, story)
    assert runs == [[True, False, False], [False, False], [True, False, False]]
