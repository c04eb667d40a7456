"""`midnight report`: by day, hour, model, account, batch; as a table, CSV, JSON, Parquet."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def spent(midnight: Any, work: Any, provider: Any) -> Any:
    """Two batches on two models, and a trial: what the program and the simulator then say."""
    simulator = provider(calls_per_day=50, calls_per_day_per_model=None)
    midnight("run", *work)
    text = Path("job.toml").read_text().replace("Qwen/Qwen3-8B", "Qwen/Qwen3-32B")
    Path("other.toml").write_text(text.replace("label reviews", "other"))
    midnight("run", "other.toml", "data.csv", "--limit", 4)
    midnight("try", *work, "-n", 2)
    return Spent(midnight, simulator)


@dataclass(frozen=True)
class Spent:
    """The program after some calls, and the simulator that saw them."""

    midnight: Any
    simulator: Any

    def __call__(self, *words: object) -> Any:
        return self.midnight(*words)


def total(lines: Iterable[Any], name: str = "calls") -> int:
    return sum(line[name] for line in lines)


@pytest.mark.parametrize("by", ["day", "hour", "account", "model", "batch", "day,model,batch"])
def test_whatever_the_lines_are_about_they_add_up_to_what_the_provider_saw(
    spent: Any, by: str
) -> None:
    found = spent("report", "--by", by, "--json").json
    seen = spent.simulator.stats()
    assert total(found["lines"]) == total(found["days"]) == found["total"]["calls"] == seen.calls
    assert total(found["lines"], "answered") == seen.answered
    assert total(found["lines"], "rows") == 12
    assert sum(map(sum, found["hours"].values())) == seen.calls
    for line in (*found["lines"], found["total"]):
        outcomes = ("answered", "wasted", "failed", "throttled", "refused", "in_flight")
        assert line["calls"] == sum(line[name] for name in outcomes)


def test_a_batch_is_only_what_that_batch_spent(spent: Any) -> None:
    found = spent("report", 2, "--json").json
    (line,) = found["lines"]
    assert (line["calls"], line["spent"], line["limit"]) == (4, 4, 50)
    assert line["share_of_allowance"] == 0.08
    whole = spent("report", "--json").json["lines"][0]
    assert (whole["spent"], whole["share_of_allowance"]) == (12, 0.24)


def test_days_may_be_chosen(spent: Any) -> None:
    day = spent("report", "--json").json["lines"][0]["day"]
    assert total(spent("report", "--since", day, "--until", day, "--json").json["lines"]) == 12
    assert total(spent("report", "--since", "2d", "--json").json["lines"]) == 12
    assert spent("report", "--until", "2020-01-01", "--json").json["lines"] == []
    assert "no call was made for that" in spent("report", "--until", "2020-01-01").out
    for option in ("--since", "--until"):
        said = spent("report", option, "yesterday")
        assert (said.code, "YYYY-MM-DD" in said.err) == (2, True)
    said = spent("report", "--by", "weekday")
    assert (said.code, "day, hour" in said.err) == (2, True)


def test_a_table_fits_eighty_columns_and_names_what_it_is_about(
    spent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = spent("report", "--by", "batch").out
    assert "2 other" in said
    assert "TOTAL" in said
    assert max(map(len, said.splitlines())) <= 80
    hours = spent("report", "--by", "hour").out
    assert "00          06          12" in hours
    assert max(map(len, hours.splitlines())) <= 80


def test_lines_go_to_csv_and_parquet(spent: Any) -> None:
    lines = list(csv.DictReader(io.StringIO(spent("report", "--by", "model", "--csv").out)))
    assert {line["model"]: line["calls"] for line in lines} == {
        "Qwen/Qwen3-8B": "8",
        "Qwen/Qwen3-32B": "4",
    }
    parquet = pytest.importorskip("pyarrow.parquet")
    said = spent("report", "--by", "model", "--parquet", "calls.parquet")
    assert "written: calls.parquet" in said.out
    table = parquet.read_table("calls.parquet").to_pylist()
    assert {line["model"]: line["calls"] for line in table} == {
        "Qwen/Qwen3-8B": 8,
        "Qwen/Qwen3-32B": 4,
    }
    assert spent("report", "--parquet", "calls.csv").code == 2


def test_a_page_is_written_whole(spent: Any) -> None:
    said = spent("report", 1, "--html", "report.html")
    assert said.code == 0, said
    page = Path("report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "label reviews (batch 1)" in page
    assert spent("report", "--html", "nowhere/report.html").code == 2


def test_a_deleted_batch_keeps_its_line(spent: Any) -> None:
    spent("delete", 2)
    found = spent("report", "--by", "batch", "--json").json["lines"]
    assert {line["batch"]: line["calls"] for line in found}["2 (deleted)"] == 4


def test_the_hours_have_a_zone(spent: Any) -> None:
    assert "days and hours are those of Asia/Shanghai" in spent("report", "--by", "hour").out
    assert spent("report", "--by", "hour", "--json").json["zones"] == {
        "modelscope": "Asia/Shanghai"
    }
    spent("report", "--html", "report.html")
    assert "days and hours are those of Asia/Shanghai" in Path("report.html").read_text()
    assert "Asia/Shanghai" not in spent("report").out


def test_a_page_of_some_days_has_their_reasons_also_where_the_allowance_is_a_month_s(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(faults={"error_500": 0.4}, seed=3)
    midnight("run", *work)
    (day,) = midnight("report", "--json").json["days"]
    with sqlite3.connect("midnight.db") as database:
        database.execute("UPDATE calls SET period_key = substr(period_key, 1, 7)")
    for since, told in ((day["day"], True), ("2999-01-01", False)):
        midnight("report", "--since", since, "--html", "report.html")
        assert ("Why calls came to nothing" in Path("report.html").read_text()) == told


def test_the_hour_with_the_most_calls_is_the_darkest(spent: Any) -> None:
    hours = spent("report", "--by", "hour").out.splitlines()[-1]
    assert "█" in hours
    assert hours.count("·") >= 22
