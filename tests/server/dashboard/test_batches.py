"""Batches, their rows and failures: looked at, and changed by forms of these pages alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.waiting import PATIENCE_S

from runner.core.states import BatchState
from runner.store.batches import Batch
from tests.server.conftest import Served, Serving
from tests.server.dashboard.pages import HOSTILE, Tag, checked, csrf, submit, wait_until_done


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with served.http() as made:
        yield made


def found(served: Served, batch: Batch) -> Batch:
    return served.do(served.application.batch, str(batch.id))


def links(page: Tag) -> list[str]:
    return [one.attrs["href"] for one in page.all("a")]


def test_lists_without_batches_are_whole(http: httpx.Client) -> None:
    assert "no such batch" in checked(http.get("/dashboard/batches")).text
    for path in ("batches/1", "batches/x", f"batches/{9**40}", "batches/1/rows/1", "batches/²"):
        checked(http.get(f"/dashboard/{path}"), 404)


def test_a_batch_is_found_by_its_name_and_state(
    served: Served, http: httpx.Client, tmp_path: Path
) -> None:
    batch = submit(served, tmp_path, ["one"], name="apples")
    wait_until_done(served, batch.id)
    path = f"/dashboard/batches/{batch.id}"
    for query, there in (
        ("text=APPLE", True),
        ("text=pears", False),
        ("state=done", True),
        ("state=paused", False),
        ("state=nonsense&before=zzz", True),
    ):
        assert (path in links(checked(http.get(f"/dashboard/batches?{query}")))) is there


def test_a_row_tells_its_whole_story(served: Served, http: httpx.Client, tmp_path: Path) -> None:
    batch = submit(served, tmp_path, [f"text {n}" for n in range(60)] + [HOSTILE])
    wait_until_done(served, batch.id)
    first = checked(http.get(f"/dashboard/batches/{batch.id}"))
    (more,) = [one for one in links(first) if "after=" in one]
    second = http.get(more)
    assert HOSTILE not in second.text
    last = next(one for one in links(checked(second)) if one.endswith("/rows/61"))
    page = checked(http.get(last))
    assert HOSTILE in page.text
    ((call, model, account),) = served.ledger(
        "SELECT id, model, account FROM calls JOIN results ON call_id = id"
        " ORDER BY job_id DESC LIMIT 1"
    )
    assert f"Call {call}: answered" in page.text
    assert f"{model} on {account}" in page.text
    ((answer,),) = served.ledger("SELECT answer FROM results ORDER BY job_id DESC LIMIT 1")
    assert answer in [one.text for one in page.all("pre")]
    assert "Is this good?" in page.text
    checked(http.get(f"/dashboard/batches/{batch.id}/rows/62"), 404)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("text=needle", ["7"]),
        ("text=%25", ["9"]),
        ("text=_", []),
        ("state=succeeded&text=needle", ["7"]),
        ("state=failed", []),
        ("state=<script>", [str(n) for n in range(1, 11)]),
        ("after=9", ["10"]),
        ("after=99999", []),
    ],
)
def test_rows_are_filtered_and_searched(
    served: Served, http: httpx.Client, tmp_path: Path, query: str, rows: list[str]
) -> None:
    texts = [f"text {n}" for n in range(10)]
    texts[6], texts[8] = "a Needle", "100% of it"
    batch = submit(served, tmp_path, texts)
    wait_until_done(served, batch.id)
    page = checked(http.get(f"/dashboard/batches/{batch.id}?{query}"))
    shown = [one for one in links(page) if "/rows/" in one]
    assert [one.rpartition("/")[2] for one in shown] == rows


def test_a_batch_is_paused_resumed_given_a_priority_and_cancelled(
    serving: Serving, tmp_path: Path
) -> None:
    with serving(calls_per_day=1) as served, served.http() as http:
        batch = submit(served, tmp_path, ["one", "two", "three"])
        path = f"/dashboard/batches/{batch.id}"
        token = csrf(checked(http.get(path)))

        def post(action: str, **fields: str) -> int:
            return http.post(f"{path}/{action}", data={"csrf": token, **fields}).status_code

        assert post("pause") == 303
        assert found(served, batch).state is BatchState.PAUSED
        assert "Resume" in checked(http.get(path)).text
        assert post("resume") == 303
        assert found(served, batch).state is BatchState.ACTIVE
        assert post("priority", priority="-5") == 303
        assert found(served, batch).priority == -5
        for wrong in ("", "x", "101", "--5", "1e3", "5" * 90):
            assert post("priority", priority=wrong) == 400
        assert post("nonsense") == 404
        assert post("cancel") == 303
        assert found(served, batch).state is BatchState.CANCELLED


def test_the_output_of_a_changed_batch_is_written_and_a_finished_batch_not_changed(
    serving: Serving, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    with serving(calls_per_day=1) as served, served.http() as http:
        batch = submit(served, tmp_path, ["one", "two"])
        served.do(served.application.name_output, batch, output)
        path = f"/dashboard/batches/{batch.id}"
        token = csrf(checked(http.get(path)))
        http.post(f"{path}/cancel", data={"csrf": token})
        until = time.monotonic() + PATIENCE_S
        while not output.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        other = submit(served, tmp_path, ["one"], name="other")
        served.clock.jump(days=1)
        wait_until_done(served, other.id)
        http.post(f"/dashboard/batches/{other.id}/cancel", data={"csrf": token})
        assert found(served, other).state is BatchState.ACTIVE


def test_a_priority_is_set_in_the_list(serving: Serving, tmp_path: Path) -> None:
    with serving(calls_per_day=1) as served, served.http() as http:
        batch = submit(served, tmp_path, ["one", "two", "three"])
        page = checked(http.get("/dashboard/batches"))
        (form,) = [one for one in page.all("form") if one.attrs["action"].endswith("/priority")]
        data = {one.attrs["name"]: one.attrs["value"] for one in form.all("input")}
        reply = http.post(form.attrs["action"], data=data | {"priority": "7"})
        assert reply.headers["location"] == "/dashboard/batches"
        assert found(served, batch).priority == 7
        assert 'value="7"' in http.get("/dashboard/batches").text


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("0" * 64, {}),
        ("é", {}),
        (None, {"origin": "http://evil.example"}),
        (None, {"origin": "null"}),
        (None, {"sec-fetch-site": "cross-site"}),
        (None, {"sec-fetch-site": "same-site"}),
    ],
)
def test_what_does_not_come_from_a_page_of_this_server_changes_nothing(
    serving: Serving, tmp_path: Path, token: str | None, headers: dict[str, str]
) -> None:
    with serving(calls_per_day=1) as served, served.http() as http:
        batch = submit(served, tmp_path, ["one", "two", "three"])
        path = f"/dashboard/batches/{batch.id}"
        right = csrf(checked(http.get(path)))
        data = {"csrf": right if token is None else token}
        checked(http.post(f"{path}/cancel", data=data, headers=headers), 403)
        checked(http.get(f"{path}/cancel"), 405)
        with served.http() as another:
            checked(another.post(f"{path}/cancel", data={"csrf": right}), 403)
        assert found(served, batch).state is BatchState.ACTIVE


def test_a_form_without_an_end_is_cut_off(http: httpx.Client) -> None:
    reply = http.post("/dashboard/batches/1/pause", content=b"a=" + b"x" * 100_000)
    checked(reply, 413)
    checked(http.post("/dashboard/batches/1/pause", content=b"&".join([b"a=1"] * 99)), 400)


def counted_failures(http: httpx.Client, path: str) -> Tag:
    """The page of failures, once they are counted."""
    until = time.monotonic() + PATIENCE_S
    while "are being counted" in (page := checked(http.get(f"{path}/failures"))).text:
        assert time.monotonic() < until
        time.sleep(0.05)
    return page


def test_failures_are_shown_by_cause_and_tried_again(serving: Serving, tmp_path: Path) -> None:
    with serving(faults={"bad_answer": 1.0}) as served, served.http() as http:
        batch = submit(served, tmp_path, ["one", "two"])
        wait_until_done(served, batch.id)
        path = f"/dashboard/batches/{batch.id}"
        page = counted_failures(http, path)
        ((failed,),) = served.ledger("SELECT count(*) FROM results WHERE error IS NOT NULL")
        assert f"Retry all {failed}" in page.text
        (cause,) = [one for one in page.all("li") if "card" in one.attrs.get("class", "")]
        assert cause.all("h2")[0].text.startswith(f"{failed} rows: ")
        told = dict(
            zip(*([one.text for one in cause.all(tag)] for tag in ("dt", "dd")), strict=True)
        )
        assert "say in [prompt] more plainly" in told["remedy"]
        assert told["example"] == 'row 1: {"text":"one"}'
        ((said,),) = served.ledger("SELECT reply FROM results ORDER BY job_id LIMIT 1")
        assert told["the model said"] == said
        token = csrf(page)
        before = served.ledger("SELECT count(*) FROM calls")
        for example in ("99", "x"):
            reply = http.post(f"{path}/retry", data={"csrf": token, "example": example})
            checked(reply, 404)
        reply = http.post(f"{path}/retry", data={"csrf": token, "example": "1"})
        assert reply.status_code == 303
        until = time.monotonic() + PATIENCE_S
        while served.ledger("SELECT count(*) FROM calls") == before:
            assert time.monotonic() < until
            time.sleep(0.05)
