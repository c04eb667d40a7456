"""Rows in doubt, gone through in a browser: by forms, and by keys that press them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import reviewed
from support.waiting import PATIENCE_MS, PATIENCE_S

from runner.store.batches import Batch
from tests.server.conftest import Served, Serving
from tests.server.dashboard.pages import HOSTILE, Tag, checked, csrf

P, N, M = "positive", "negative", "neutral"
DISPUTED = {"": [P, P, None, P, N, P], "vote 2": [P, N, None, P, P, None]}
LABELS = 'kind = "labels"\nlabels = ["a", "b", "c"]\nmax = 2'
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def make(served: Served, answers: Any = DISPUTED, **more: Any) -> Batch:
    async def work() -> Batch:
        async with served.application._database.write() as connection:
            return await reviewed.ended(connection, answers, **more)

    return served.do(work)


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with served.http(follow_redirects=True) as made:
        yield made


PATH = "/dashboard/batches/1/review"


def shown(page: Tag) -> str:
    return page.all("h1")[0].text


def press(http: httpx.Client, page: Tag, **fields: str) -> Tag:
    """Send the form of a page with these fields."""
    row = next(one.attrs["value"] for one in page.all("input") if one.attrs.get("name") == "row")
    data = {"csrf": csrf(page), "row": row, "as": "ann", **fields}
    return checked(http.post(PATH, data=data))


def answers(served: Served) -> list[Any]:
    return served.ledger(
        "SELECT job_id, answer, reviewer FROM reviews WHERE taken_back_at_ms IS NULL ORDER BY id"
    )


def test_rows_in_doubt_are_answered_with_buttons_one_after_the_other(
    served: Served, http: httpx.Client
) -> None:
    make(served, more="votes = 2")
    page = checked(http.get("/dashboard/batches/1"))
    assert PATH in [one.attrs["href"] for one in page.all("a")]
    page = checked(http.get(PATH, params={"as": "ann"}))
    assert "Log out" not in page.text
    assert (shown(page), "0 of 3 reviewed" in page.text) == ("Review row 2", True)
    assert "the votes are tied, 1 of 2 each" in page.text
    buttons = [one.text for one in page.all("button")]
    assert {"1 positive", "2 negative", "3 neutral", "Enter Keep positive"} <= set(buttons)
    page = press(http, page, answer=N)
    assert (shown(page), "1 of 3 reviewed" in page.text) == ("Review row 3", True)
    page = press(http, page, answer=M)
    assert shown(page) == "Review row 5"
    page = press(http, page, undo="1")
    assert (shown(page), "1 of 3 reviewed" in page.text) == ("Review row 3", True)
    page = press(http, press(http, page, answer=P), answer=P)
    assert "There is no further row in doubt" in page.text
    assert answers(served) == [(2, N, "ann"), (3, P, "ann"), (5, P, "ann")]
    story = checked(http.get("/dashboard/batches/1/rows/3"))
    said = [one.text for one in story.all("li") if one.text.startswith("ann")]
    assert [M in said[0], "taken back" in said[0], P in said[1], "taken" in said[1]] == [
        True, True, True, False
    ]  # fmt: skip
    assert f"{PATH}?row=3" in [one.attrs["href"] for one in story.all("a")]


def test_a_skipped_row_comes_again_and_a_named_one_at_once(
    served: Served, http: httpx.Client
) -> None:
    make(served, more="votes = 2")
    page = checked(http.get(PATH))
    (skip,) = [one for one in page.all("a") if one.text == "s Skip"]
    assert shown(checked(http.get(skip.attrs["href"]))) == "Review row 3"
    assert shown(checked(http.get(PATH))) == "Review row 2"
    page = checked(http.get(f"{PATH}?row=1"))
    assert shown(page) == "Review row 1"
    checked(http.get(f"{PATH}?row=99"), 404)


def test_what_is_no_answer_is_said_beside_the_form_with_what_was_written(
    served: Served, http: httpx.Client
) -> None:
    make(served, more="votes = 2")
    page = checked(http.get(PATH))
    data = {"csrf": csrf(page), "row": "2", "text": "<i>splendid</i>"}
    page = checked(http.post(PATH, data=data), 400)
    assert shown(page) == "Review row 2"
    (alert,) = [one.text for one in page.all("p") if one.attrs.get("role") == "alert"]
    assert "not one of the labels" in alert
    assert page.all("textarea")[0].text.strip() == "<i>splendid</i>"
    for wrong in ({"row": "x"}, {"row": "99"}, {}):
        checked(http.post(PATH, data={"csrf": csrf(page), "answer": P} | wrong), 404)
    checked(http.post(PATH, data={"row": "2", "answer": P}), 403)
    checked(http.get("/dashboard/batches/9/review"), 404)
    assert answers(served) == []


def test_several_labels_are_ticked_and_a_text_has_its_lines(
    served: Served, http: httpx.Client
) -> None:
    make(served, {"": ['["a"]', None]}, answer=LABELS)
    page = checked(http.get(PATH, params={"as": "ann"}))
    assert len([one for one in page.all("input") if one.attrs.get("type") == "checkbox"]) == 3
    page = press(http, page, answer="", **{"label 1": "c", "label 3": "a"})
    assert answers(served) == [(2, '["a","c"]', "ann")]


def test_a_text_is_written_in_a_form(served: Served, http: httpx.Client) -> None:
    make(served, {"": [None]}, answer='kind = "text"', rows=[{HOSTILE: HOSTILE}])
    page = checked(http.get(PATH, params={"as": HOSTILE[:60]}))
    assert HOSTILE in page.text
    press(http, page, text="one\r\ntwo", **{"as": "<b>"})
    assert answers(served) == [(1, "one\ntwo", "<b>")]


def test_who_has_shown_a_key_reviews_under_its_name(served: Served, http: httpx.Client) -> None:
    make(served, more="votes = 2")
    key = served.add_key("laptop")
    entered = http.post("/dashboard/enter", data={"key": key, "to": PATH})
    page = checked(entered)
    assert "You are laptop" in page.text
    assert "Log out" in page.text
    press(http, page, answer=N)
    assert answers(served) == [(2, N, "laptop")]


def test_the_output_is_written_a_moment_later(
    served: Served, http: httpx.Client, tmp_path: Path
) -> None:
    make(served, more="votes = 2")
    path = tmp_path / "out.csv"

    async def named() -> None:
        batch = await served.application.batch("1")
        await served.application.name_output(batch, path)

    served.do(named)
    press(http, checked(http.get(PATH)), answer=N)
    until = time.monotonic() + PATIENCE_S
    while not (path.exists() and f"{N},deepseek" in path.read_text(encoding="utf-8")):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_batch_of_many_rows_is_searched_a_part_at_a_time(
    served: Served, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.store.disputed.SEARCHED", 2)
    monkeypatch.setattr("runner.server.dashboard.review._MOST_PAGES", 1)
    monkeypatch.setattr("runner.server.dashboard.review._MOST_COUNTED", 5)
    make(served, {"": [P] * 6, "vote 2": [P] * 5 + [N]}, more="votes = 2")
    page, steps = checked(http.get(PATH)), 0
    while "Review row 6" not in page.text:
        (more,) = [one for one in page.all("a") if "Search on" in one.text]
        page, steps = checked(http.get(more.attrs["href"])), steps + 1
    assert steps == 2
    assert "0 rows reviewed" in page.text


# keys


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium: apt-get install chromium")
def test_keys_press_what_they_name(serving: Serving, browser: Any) -> None:
    with serving() as served:
        make(served, more="votes = 2")
        page, told = browser.new_page(viewport={"width": 390, "height": 800}), list[str]()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.goto(f"{served.url}{PATH}?as=ann")
        at = page.get_by_role("heading", level=1)

        def press_key(key: str, then: str) -> None:
            page.keyboard.press(key)
            at.get_by_text(then).wait_for(timeout=PATIENCE_MS)

        press_key("2", "row 3")
        press_key("s", "row 5")
        press_key("u", "row 2")
        press_key("Enter", "row 3")
        page.keyboard.press("e")
        page.keyboard.type("neutral 2us")
        assert page.evaluate("document.activeElement.value") == "neutral 2us"
        page.keyboard.press("Control+A")
        page.keyboard.type("neutral")
        page.keyboard.press("Tab")
        press_key("Enter", "row 5")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("q")
        page.get_by_role("heading", name="reviews").wait_for(timeout=PATIENCE_MS)
        assert told == []
        page.close()
        assert answers(served) == [(2, P, "ann"), (3, M, "ann")]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium: apt-get install chromium")
def test_without_a_script_the_buttons_do(serving: Serving, browser: Any) -> None:
    with serving() as served:
        make(served, {"": [None, None]}, answer=LABELS)
        page = browser.new_context(java_script_enabled=False, color_scheme="dark").new_page()
        page.goto(f"{served.url}{PATH}?as=ann")
        page.get_by_label("b").check()
        page.get_by_role("button", name="Save these").click()
        page.get_by_role("heading", level=1).get_by_text("row 2").wait_for(timeout=PATIENCE_MS)
        page.get_by_role("button", name="Take back").click()
        page.get_by_role("heading", level=1).get_by_text("row 1").wait_for(timeout=PATIENCE_MS)
        page.close()
        assert served.ledger("SELECT answer FROM reviews") == [('["b"]',)]
