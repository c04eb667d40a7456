"""The report page in a real browser: drawn as tall as its numbers, told to pointer and keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.files import settings, write_job, write_rows

from runner.app.previews.rehearsal import Rehearsal, configured_simulator, rehearse
from runner.app.submitting.submission import check_submission
from runner.drawing import report_page

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
START = 1_767_571_200_000  # 2026-01-05 08:00 in UTC+8
PHONE, DESK = 390, 1440
BARS = """() => [...document.querySelectorAll("section svg")].filter(one => one.checkVisibility())
  .slice(0, 1).flatMap(one => [...one.querySelectorAll("rect")]).map(
  one => [one.querySelector("title").textContent, +one.dataset.value,
          one.getBoundingClientRect().height])"""
# Whatever is wider than the window, but for the table, which scrolls in its own frame.
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(
  one => one.checkVisibility() && !one.closest("table")
         && one.getBoundingClientRect().right > window.innerWidth + 1).map(one => one.outerHTML)"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll("svg text")].filter(
  one => one.checkVisibility()).map(one => 12 * one.getScreenCTM().a))"""
TIPS = """() => [...document.querySelectorAll("svg .tip")].filter(
  one => one.checkVisibility({visibilityProperty: true})).map(one => one.textContent)"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    folder = tmp_path_factory.mktemp("days")
    chosen = settings(folder, limits={"calls_per_day": 40})
    checked = check_submission(write_job(folder), write_rows(folder, 100))
    return rehearse(chosen, checked, configured_simulator(chosen), START)


@pytest.fixture(scope="module")
def browser(seen: Rehearsal) -> Iterator[Any]:
    """A browser; `seen` goes first, since either has an event loop that bears no other."""
    assert seen.report
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(params=[PHONE, DESK])
def page(browser: Any, seen: Rehearsal, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    (tmp_path / "report.html").write_text(report_page.page(seen.report))
    made = browser.new_page(viewport={"width": request.param, "height": 900})
    made.goto((tmp_path / "report.html").as_uri())
    yield made
    made.close()


def test_bars_are_as_tall_as_the_numbers_of_the_ledger(page: Any, seen: Rehearsal) -> None:
    found = page.evaluate(BARS)
    assert {title[:10]: value for title, value, _ in found} == {d.day: d.calls for d in seen.days}
    unit = found[0][2] / found[0][1]
    for _, value, tall in found:
        assert tall == pytest.approx(unit * value, rel=0.02)


def test_nothing_is_wider_than_the_window_and_every_letter_can_be_read(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(SMALLEST) >= 11


def test_pointer_and_keyboard_are_told_what_a_mark_stands_for(page: Any, seen: Rehearsal) -> None:
    told = f"{seen.days[0].day}: 40 (40 answered), the limit is 40"
    assert page.evaluate(TIPS) == []
    page.locator("svg .mark rect:visible").first.hover()
    assert page.evaluate(TIPS) == [told]
    page.mouse.move(0, 0)
    page.keyboard.press("Tab")
    assert page.evaluate(TIPS) == [told]
    for _mark in range(8):
        page.keyboard.press("Tab")
        assert len(page.evaluate(TIPS)) == 1
    page.evaluate("document.activeElement.blur()")
    first_hour = page.locator("svg .row rect:visible").nth(8)
    first_hour.hover()
    (hour,) = page.evaluate(TIPS)
    assert hour.startswith(f"{seen.days[0].day} 08:00: ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_used_by_everybody_in_light_and_in_dark(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
