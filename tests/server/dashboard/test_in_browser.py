"""Every page in a real browser: narrow and wide, light and dark, live, by keyboard and by ear.

With PICTURES=FOLDER each page is drawn there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.files import JOB
from support.waiting import PATIENCE_MS

from runner.core.states import BatchState
from tests.server.conftest import MODEL, Served, Serving
from tests.server.dashboard.pages import HOSTILE, hand_in, post, settled, submit, wait_until_done

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
Browser, Page, sync_playwright = sync_api.Browser, sync_api.Page, sync_api.sync_playwright

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PAGES = {
    "now": "/",
    "batches": "/dashboard/batches",
    "batch": "/dashboard/batches/1",
    "row": "/dashboard/batches/1/rows/7",
    "failures": "/dashboard/batches/1/failures",
    "review": "/dashboard/batches/1/review",
    "accounts": "/dashboard/accounts",
    "calls": "/dashboard/calls",
    "submit": "/dashboard/submit",
    "clients": "/dashboard/clients",
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


WITHOUT_FOLDER = """folder => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        text.data = text.data.replaceAll(folder, "~/data");
    }
}"""
"""So that a picture shows nobody's temporary folder."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield made
        made.close()


class Watched:
    """A page of a browser, and what it complains of."""

    def __init__(self, browser: Browser, served: Served, **look: Any) -> None:
        self.told: list[str] = []
        self.served = served
        self.page: Page = browser.new_page(**look)
        self.page.on("console", lambda message: self.told.append(message.text))
        self.page.on("pageerror", lambda error: self.told.append(str(error)))
        self.page.on("request", lambda one: self._check_address(one.url))

    def _check_address(self, url: str) -> None:
        if not url.startswith(self.served.url):
            self.told.append(url)

    def show(self, name: str, path: str) -> None:
        """Open a page; it fits, and nothing of it is out of reach of a screen reader."""
        self.page.goto(path if path.startswith("http") else self.served.url + path)
        self.page.wait_for_timeout(300)
        wide, width = (
            self.page.evaluate(f"document.documentElement.{which}Width")
            for which in ("scroll", "client")
        )
        assert wide <= width, f"{name} scrolls sideways"
        found = axe.Axe().run(self.page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        if pictures := os.environ.get("PICTURES"):
            scheme = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
            shade = "dark" if scheme else "light"
            path = Path(pictures, f"dashboard-{name}-{width}-{shade}.png")
            self.page.evaluate(WITHOUT_FOLDER, str(self.served.database.parent))
            self.page.screenshot(path=path)
            with Image.open(path) as drawn:
                drawn.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(
                    path, optimize=True
                )


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "light"),
        (1440, "dark"),
        pytest.param(390, "dark", marks=pytest.mark.nightly),
        pytest.param(1440, "light", marks=pytest.mark.nightly),
    ],
)
def test_every_page_fits_has_no_error_and_can_be_heard(
    busy: Served, browser: Browser, width: int, scheme: Any
) -> None:
    with busy.http(follow_redirects=True) as http:
        draft, page = settled(http, hand_in(http, text=JOB))
        settled(http, post(http, draft, "try", page))
        wrong, _ = settled(http, hand_in(http, text=JOB.replace("labels", "lables")))
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    watched = Watched(browser, busy, **look)
    for name, path in (PAGES | {"draft": draft, "wrong": wrong}).items():
        watched.show(name, path)
    assert watched.told == []
    watched.show("missing", "/dashboard/nothing")
    busy.add_key("me")
    watched.show("key", "/")
    watched.page.close()


def test_figures_change_without_loading_again_and_the_keyboard_reaches_all(
    busy: Served, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.goto(busy.url)
    page.evaluate("window.kept = true")
    submit(busy, tmp_path, ["something new"], name="came later")
    page.get_by_role("link", name="came later").wait_for(timeout=PATIENCE_MS)
    assert page.evaluate("window.kept") is True
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent"))
    pages = {"Now", "Batches", "Submit", "Accounts", "Calls", "Clients"}
    assert {*pages, "came later", "film reviews"} <= reached
    page.close()


HIDEABLE = """
window.isHidden = false;
Object.defineProperty(document, "hidden", {get: () => window.isHidden});
window.hide = (hidden) => {
    window.isHidden = hidden;
    document.dispatchEvent(new Event("visibilitychange"));
};
"""
"""A browser without a screen shows all of its tabs at once; so they are hidden by hand."""


def test_many_tabs_are_open_and_the_one_that_is_seen_follows(
    busy: Served, browser: Browser, tmp_path: Path
) -> None:
    """A browser opens six connections to a server, and keeps one for each stream."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(HIDEABLE)
    tabs = []
    for _ in range(9):
        page = context.new_page()
        page.goto(busy.url)
        page.wait_for_timeout(100)  # until its stream is open
        page.evaluate("hide(true)")
        tabs.append(page)
    tabs[0].evaluate("hide(false)")
    submit(busy, tmp_path, ["something new"], name="came later")
    tabs[0].get_by_role("link", name="came later").wait_for()
    assert tabs[1].get_by_role("link", name="came later").count() == 0
    tabs[0].evaluate("hide(true)")
    tabs[1].evaluate("hide(false)")
    tabs[1].get_by_role("link", name="came later").wait_for()
    context.close()


def test_every_page_of_figures_follows_the_ledger_and_keeps_the_focus(
    serving: Serving, browser: Browser, tmp_path: Path
) -> None:
    with serving(calls_per_day=400) as served:
        batch = submit(served, tmp_path, ["one"], name="first")
        wait_until_done(served, batch.id)
        pages = {
            "/dashboard/batches": "#batch-1",
            "/dashboard/batches/1": "#row-1",
            "/dashboard/accounts": "nav a",
            "/dashboard/calls": "nav a",
        }
        opened = {}
        for path, focus in pages.items():
            page = opened[path] = browser.new_page()
            page.goto(served.url + path)
            page.evaluate("window.kept = true")
            page.locator(focus).first.focus()
        texts = [f"text {n}" for n in range(20)]
        later = submit(served, tmp_path, texts, name="later")
        wait_until_done(served, later.id)
        ((calls,),) = served.ledger("SELECT count(*) FROM calls")
        opened["/dashboard/batches"].get_by_text("20 of 20").wait_for(timeout=PATIENCE_MS)
        spent = opened["/dashboard/accounts"].get_by_role("cell", name=str(calls), exact=True)
        spent.first.wait_for(timeout=PATIENCE_MS)
        figure = opened["/dashboard/calls"].get_by_role("cell", name=str(calls), exact=True)
        figure.first.wait_for(timeout=PATIENCE_MS)
        for path, page in opened.items():
            assert page.evaluate("window.kept") is True
            assert page.evaluate("document.activeElement.tagName") == "A", path
            page.close()


def test_charts_look_as_those_of_a_report_and_tell_their_values_one_at_a_time(
    busy: Served, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(f"{busy.url}/dashboard/calls")
    tips = "[...document.querySelectorAll('.tip')].map(e => getComputedStyle(e).visibility)"
    page.locator(".mark").first.wait_for(timeout=PATIENCE_MS)  # the ledger may have to be added up
    assert set(page.evaluate(tips)) == {"hidden"}
    page.locator(".mark").first.hover()
    assert page.evaluate(tips).count("visible") == 1
    page.close()


def test_a_batch_is_paused_with_the_keyboard(busy: Served, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{busy.url}/dashboard/batches/2")
    page.get_by_role("button", name="Pause").press("Enter")
    page.get_by_role("button", name="Resume").wait_for(timeout=PATIENCE_MS)
    assert busy.do(busy.application.batch, "2").state is BatchState.PAUSED
    page.close()


def test_a_dataset_is_submitted_with_the_keyboard(
    serving: Serving, browser: Browser, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text\n" + "".join(f"row {n}\n" for n in range(5)))
    with serving(calls_per_day=400) as served:
        page = browser.new_page()
        page.goto(f"{served.url}/dashboard/submit")
        page.get_by_label("Or its text").fill(JOB.replace("labels", "lables"))
        page.get_by_label("File", exact=True).set_input_files(rows)
        page.get_by_role("button", name="Check and plan").press("Enter")
        page.get_by_role("alert").filter(has_text="labels").wait_for(timeout=PATIENCE_MS)
        page.get_by_role("textbox").first.fill(JOB)
        page.get_by_role("button", name="Check again").press("Enter")
        page.get_by_role("button", name="Try three rows").press("Enter")
        page.get_by_text("3 calls, 3 of 3 answered").wait_for(timeout=PATIENCE_MS)
        page.get_by_role("button", name="Start").press("Enter")
        page.get_by_role("link", name="letters").click()
        page.get_by_text("5 of 5").wait_for(timeout=PATIENCE_MS)
        page.close()
