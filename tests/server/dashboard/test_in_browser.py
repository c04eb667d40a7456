"""Every page in a real browser: narrow and wide, light and dark, live, and by keyboard.

With PICTURES=FOLDER each page is drawn there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.core.states import BatchState
from tests.server.conftest import MODEL, Served, Serving
from tests.server.dashboard.pages import HOSTILE, submit, wait_until_done

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
Browser, sync_playwright = sync_api.Browser, sync_api.sync_playwright

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PAGES = {
    "now": "/",
    "batches": "/dashboard/batches",
    "batch": "/dashboard/batches/1",
    "row": "/dashboard/batches/1/rows/7",
    "failures": "/dashboard/batches/1/failures",
    "accounts": "/dashboard/accounts",
    "calls": "/dashboard/calls",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium: apt-get install chromium"),
]


@pytest.fixture
def busy(serving: Serving, tmp_path: Path) -> Iterator[Served]:
    """A server that has done some work, and waits for the next day with the rest."""
    with serving(calls_per_day=120, faults={"bad_answer": 0.6}) as served:
        texts = [f"The film number {n} was fine." for n in range(80)]
        first = submit(served, tmp_path, [*texts[:30], HOSTILE], name="film reviews")
        served.client().chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hello"}]
        )
        wait_until_done(served, first.id)
        submit(served, tmp_path, texts, name="support tickets")
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_page_fits_and_has_no_error(
    busy: Served, browser: Browser, width: int, scheme: Any
) -> None:
    told: list[str] = []
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda one: told.append(one.url) if busy.url not in one.url else None)
    for name, path in PAGES.items():
        page.goto(busy.url + path)
        page.wait_for_timeout(300)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} scrolls sideways"
        if pictures := os.environ.get("PICTURES"):
            page.screenshot(path=f"{pictures}/dashboard-{name}-{width}-{scheme}.png")
    page.close()
    assert told == []


def test_figures_change_without_loading_again_and_the_keyboard_reaches_all(
    busy: Served, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.goto(busy.url)
    page.evaluate("window.kept = true")
    submit(busy, tmp_path, ["something new"], name="came later")
    page.get_by_role("link", name="came later").wait_for(timeout=10_000)
    assert page.evaluate("window.kept") is True
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent"))
    assert {"Now", "Batches", "Accounts", "Calls", "came later", "film reviews"} <= reached
    page.close()


def test_a_batch_is_paused_with_the_keyboard(busy: Served, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{busy.url}/dashboard/batches/2")
    page.get_by_role("button", name="Pause").press("Enter")
    page.get_by_role("button", name="Resume").wait_for(timeout=10_000)
    assert busy.do(busy.application.batch, "2").state is BatchState.PAUSED
    page.close()
