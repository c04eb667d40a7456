"""Seven days of rehearsal: every figure of every report is what the simulator has counted."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.files import settings, write_job, write_rows

from runner import virtual
from runner.app.application import open_application
from runner.app.previews.rehearsal import TOKEN, configured_simulator
from runner.app.submitting.submission import check_submission
from runner.cli.app import main
from runner.simulator import SimulatedProvider, SimulatorTransport, build_app
from runner.simulator.stats import Stats

LIMIT = 20
OTHERS = 3  # calls a day that somebody else makes
START = 1_767_571_200_000  # 2026-01-05 08:00 in UTC+8
DAYS = [f"2026-01-{day:02}" for day in range(5, 12)]
ROWS = 150
OUTCOMES = ("answered", "wasted", "failed", "throttled", "refused", "in_flight")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stats]:
    """The database of seven days with every kind of end of a call, and what the provider saw."""
    folder = tmp_path_factory.mktemp("week")
    chosen = settings(folder, limits={"calls_per_day": LIMIT}, base_url="http://simulator/v1")
    chosen = replace(
        chosen,
        accounts={"mine": chosen.accounts["mine"].model_copy(update={"token": "env:REHEARSAL"})},
    )
    job = write_job(folder)
    job.write_text(job.read_text().replace("[prompt]", "pack = 2\n[prompt]"))
    checked = check_submission(job, write_rows(folder, ROWS))
    config = configured_simulator(
        chosen,
        seed=4,
        faults={"error_500": 0.04, "item_wrong": 0.25, "throttle": 0.05},
        foreign_calls_per_day=OTHERS,
    )
    clock = virtual.VirtualClock(START)

    async def perform() -> Stats:
        provider = SimulatedProvider(config, clock.now)
        transport = SimulatorTransport(build_app(provider))
        async with open_application(
            chosen, environ=TOKEN, clock=clock, transport=transport, random=Random(4), virtual=True
        ) as midnight:
            submitted = await midnight.submit(checked)
            await midnight.run(only=submitted.batch)
        return provider.stats()

    return chosen.db, virtual.run(perform)


Report = Callable[..., str]


@pytest.fixture
def report(
    week: tuple[Path, Stats], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Report:
    """What `midnight report` says of the week."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str) -> str:
        capsys.readouterr()
        assert main(["--db", str(week[0]), "report", *words]) == 0
        return capsys.readouterr().out

    return call


def test_the_days_are_the_provider_s(report: Report, week: tuple[Path, Stats]) -> None:
    seen, found = week[1].by_day, json.loads(report("--json"))
    assert [line["day"] for line in found["days"]] == DAYS == list(seen)
    for line in found["days"]:
        day = seen[line["day"]]
        assert line["calls"] == day.calls
        assert line["answered"] + line["wasted"] == day.answered
        assert line["throttled"] + line["refused"] == day.refused
        assert line["failed"] == day.calls - day.answered - day.refused
        assert line["charged"] == day.spent
        assert line["limit"] == LIMIT
        others = line["spent"] - day.spent
        assert others == OTHERS if line["day"] != DAYS[-1] else 0 <= others <= OTHERS
        assert line["calls"] == sum(line[name] for name in OUTCOMES)
    total = found["total"]
    assert total["calls"] == week[1].calls
    assert total["rows"] == ROWS
    assert all(total[name] > 0 for name in OUTCOMES if name not in ("in_flight", "refused"))


def sums(lines: list[dict[str, Any]], *names: str) -> list[int]:
    return [sum(int(line[name] or 0) for line in lines) for name in names]


@pytest.mark.parametrize("by", ["day", "hour", "account", "model", "batch", "client", "day,hour"])
def test_whatever_the_lines_are_about_all_formats_have_the_same_sums(
    report: Report, week: tuple[Path, Stats], by: str
) -> None:
    names = ("calls", *OUTCOMES, "rows", "prompt_tokens", "completion_tokens", "charged")
    whole = json.loads(report("--json"))["total"]
    wanted = [whole[name] for name in names]
    assert wanted[0] == week[1].calls
    found = json.loads(report("--json", "--by", by))
    assert sums(found["lines"], *names) == sums([found["total"]], *names) == wanted
    assert sum(map(sum, found["hours"].values())) == week[1].calls
    lines = [*csv.DictReader(io.StringIO(report("--csv", "--by", by)))]
    assert sums(lines, *names) == wanted
    assert len(lines) == len(found["lines"])


def test_the_table_has_the_figures_of_the_provider(
    report: Report, week: tuple[Path, Stats]
) -> None:
    head, *lines = [re.split(r"\s{2,}", line.strip()) for line in report().splitlines() if line]
    table = {line[0]: dict(zip(head[1:], line[1:], strict=False)) for line in lines}
    for name, day in week[1].by_day.items():
        assert int(table[name]["Calls"]) == day.calls
        assert int(table[name]["Answered"]) + int(table[name]["Wasted"]) == day.answered
        if name != DAYS[-1]:
            assert table[name]["Spent"] == f"{100 * (day.spent + OTHERS) // LIMIT} %"
    assert int(table["TOTAL"]["Calls"]) == week[1].calls
    assert int(table["TOTAL"]["Rows"]) == ROWS


def test_the_drawn_numbers_are_the_provider_s(
    report: Report, week: tuple[Path, Stats], tmp_path: Path
) -> None:
    report("--html", str(tmp_path / "week.html"))
    drawings = re.findall(r"<svg .*?</svg>", (tmp_path / "week.html").read_text(), re.DOTALL)
    calls = {day: seen.calls for day, seen in week[1].by_day.items()}
    for label, by in (("Calls per day, by what they came to", 10), ("Calls by hour", 10)):
        found = [ET.fromstring(one) for one in drawings]  # noqa: S314
        shown = [one for one in found if one.attrib["aria-label"] == label]
        assert len(shown) == 2, "one for a desk, one for a phone"
        for drawing in shown:
            drawn: Counter[str] = Counter()
            for mark in drawing.iter(f"{SVG}rect"):
                told = mark.findtext(f"{SVG}title") or ""
                drawn[told[:by]] += int(mark.attrib["data-value"])
            assert dict(drawn) == calls
