"""Accounts with their windows, and the calls of each day, as the ledger has them."""

from __future__ import annotations

from pathlib import Path

from tests.server.conftest import Served, Serving
from tests.server.dashboard.pages import checked, settled, submit, wait_until_done


def test_pages_are_whole_before_any_call(served: Served) -> None:
    with served.http() as http:
        assert "mine" in checked(http.get("/dashboard/accounts")).text
        _, calls = settled(http, http.get("/dashboard/calls"))
        assert "No call was made yet" in calls.text


def test_figures_are_those_of_the_ledger_and_say_where_they_are_known_from(
    serving: Serving, tmp_path: Path
) -> None:
    with serving(calls_per_day=50, account="reserve = 5") as served, served.http() as http:
        batch = submit(served, tmp_path, [f"text {n}" for n in range(20)])
        wait_until_done(served, batch.id)
        ((calls,),) = served.ledger("SELECT count(*) FROM calls")
        ((rows,),) = served.ledger("SELECT count(*) FROM results")
        page = checked(http.get("/dashboard/accounts"))
        (line,) = [one for one in page.all("tr") if one.text.strip().startswith("calls today")]
        figures = [one.text for one in line.all("td") if "number" in one.attrs.get("class", "")]
        assert figures == ["50", str(calls), "0", "0", "5", str(45 - calls)]
        assert "reply header" in line.text
        page = checked(http.get("/dashboard/calls"))
        bars = [one for one in page.all("rect") if "data-value" in one.attrs]
        per_day = [one for one in bars if "answered" in one.text]
        assert [one.attrs["data-value"] for one in per_day] == [str(calls)]
        (cells,) = [one.all("td") for one in page.all("tbody")[0].all("tr")]
        assert [one.text for one in cells] == [
            "mine", str(calls), str(calls), "0", "0", "0", "0", "0", str(rows), "50"
        ]  # fmt: skip
