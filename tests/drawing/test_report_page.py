"""The report page: every number that is drawn is the ledger's, and the provider's."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from support.files import settings, write_job, write_rows

from runner.app.previews.rehearsal import Rehearsal, configured_simulator, rehearse
from runner.app.submitting.submission import check_submission
from runner.drawing.report_page import page
from runner.wording.report_words import OUTCOMES

START = 1_767_571_200_000  # 2026-01-05 08:00 in UTC+8
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Seven days of a provider with faults, bad answers and somebody else on the account."""
    folder = tmp_path_factory.mktemp("week")
    chosen = settings(folder, limits={"calls_per_day": 40})
    checked = check_submission(write_job(folder), write_rows(folder, 230))
    config = configured_simulator(
        chosen,
        seed=3,
        faults={"error_500": 0.04, "bad_answer": 0.06, "throttle": 0.05},
        foreign_calls_per_day=2,
    )
    return rehearse(chosen, checked, config, START)


def drawings(page: str) -> dict[str, ET.Element]:
    """The charts of a page, by their labels."""
    found = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    return {(one := ET.fromstring(text)).attrib["aria-label"]: one for text in found}  # noqa: S314


def told(drawing: ET.Element) -> list[tuple[str, float]]:
    """What is told of each mark, and its value."""
    marks = [mark for mark in drawing.iter() if "data-value" in mark.attrib]
    return [
        (mark.findtext(f"{SVG}title") or "", float(mark.attrib["data-value"])) for mark in marks
    ]


def test_the_calls_that_are_drawn_are_those_of_the_ledger_and_the_provider(
    week: Rehearsal,
) -> None:
    drawn: dict[str, Counter[str]] = {}
    for text, value in told(drawings(page(week.report))["Calls per day, by what they came to"]):
        day, _, rest = text.partition(": ")
        drawn.setdefault(day, Counter())[rest.split(" ", 1)[1].replace(" ", "_")] += int(value)
    assert {day: sum(parts.values()) for day, parts in drawn.items()} == {
        day.day: day.calls for day in week.days
    }
    assert {day: sum(parts.values()) for day, parts in drawn.items()} == {
        day: seen.calls for day, seen in week.provider.by_day.items() if seen.calls
    }
    for day in week.days:
        parts = drawn[day.day]
        assert parts["answered"] + parts["wasted"] == day.succeeded
        assert parts["failed"] == day.failed
        assert parts["throttled"] + parts["refused"] == day.throttled
        assert set(parts) <= set(OUTCOMES)
    assert sum(parts["throttled"] + parts["refused"] for parts in drawn.values()) == (
        week.provider.refused
    )
    assert sum(parts["wasted"] for parts in drawn.values()) > 0


def test_hours_rows_and_tokens_add_up_to_the_same(week: Rehearsal) -> None:
    drawn = drawings(page(week.report))
    hours: Counter[str] = Counter()
    for text, value in told(drawn["Calls by hour"]):
        hours[text[:10]] += int(value)
    assert dict(hours) == {day.day: day.calls for day in week.days}
    assert max(value for _, value in told(drawn["Rows done over time"])) == 230
    tokens = sum(value for _, value in told(drawn["Tokens sent, and received above them"]))
    assert tokens == sum(day.tokens or 0 for day in week.days)
    models = told(drawn["Calls per model"])
    assert sum(value for _, value in models) == week.provider.calls


def test_the_table_says_what_the_charts_draw(week: Rehearsal) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", page(week.report).partition("<table>")[2], re.DOTALL)
    cells = [[re.sub("<.*?>", "", c) for c in re.findall(r"<t[dh]>.*?</t[dh]>", r)] for r in rows]
    head, *lines, total = cells
    place = head.index("calls")
    assert [int(line[place]) for line in lines] == [day.calls for day in week.days]
    assert int(total[place].replace(",", "")) == week.provider.calls
    for line in (*lines, total):
        numbers = [int(cell.replace(",", "")) for cell in line[place:-1]]
        assert numbers[0] == sum(numbers[1:-1])


def test_a_page_needs_no_network_and_no_script(week: Rehearsal) -> None:
    class Tags(HTMLParser):
        seen: set[str] = set()  # noqa: RUF012 - of this test

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.add(tag)
            assert not {"src", "href"} & {name for name, _ in attrs}

    Tags().feed(page(week.report))
    assert not Tags.seen & {"script", "link", "img", "iframe"}
    assert "url(" not in page(week.report)
    assert "prefers-color-scheme: dark" in page(week.report)
    assert 'name="viewport"' in page(week.report)
