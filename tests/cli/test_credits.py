"""Credits as a user meets them: in quota, report, status and doctor, for people and machines."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest

CREDITS = {"calls_per_day": None, "calls_per_day_per_model": None, "credits": 250.0}


@pytest.fixture
def spender(midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program after six calls of a credit each, of the 250 of a day."""
    monkeypatch.setenv("COLUMNS", "80")
    provider(**CREDITS)
    assert midnight("run", *work).code == 0
    return midnight


def test_quota_tells_the_balance_and_what_of_it_expires(spender: Any) -> None:
    said = spender("quota").out
    assert "…" not in said
    assert "modelscope: 244 credits (told at " in said
    assert "about 244 of them expire by" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80
    by_unit = {line["unit"]: line for line in spender("quota", "--json").json}
    assert by_unit["calls"]["balance"] is None
    told = by_unit["credits"]["balance"]
    assert (told["available"], told["frozen"], told["spent_since"]) == (244, 0, 6)
    assert (told["expiring"]["amount"], told["expiring"]["estimate"]) == (244, True)
    by, at = (datetime.fromisoformat(text) for text in (told["expiring"]["by"], told["told_at"]))
    assert by - at <= timedelta(days=1)
    assert told["expiring"]["granted_between"] is None


def test_report_tells_what_was_spent_and_what_is_left(spender: Any) -> None:
    said = spender("report").out
    assert said.splitlines()[0].split()[-2:] == ["Credits", "Left"]
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80
    (day,) = spender("report", "--json").json["days"]
    assert (day["credits"], day["balance"]) == (6, 244)
    assert spender("report", "--json").json["credits"]["modelscope"]["available"] == 244
    assert "244 credits" in said
    assert "expire by" in " ".join(said.split())
    (line,) = csv.DictReader(io.StringIO(spender("report", "--csv").out))
    assert (line["credits"], line["balance"]) == ("6.0", "244.0")


def test_without_credits_no_column_speaks_of_them(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    assert midnight("run", *work).code == 0
    assert "Credits" not in midnight("report").out
    assert midnight("report", "--json").json["days"][0]["credits"] is None


def test_status_says_that_a_grant_needs_a_login(midnight: Any, work: Any, provider: Any) -> None:
    provider(**(CREDITS | {"credits_need_login": True}))
    said = midnight("run", *work, "--no-wait")
    assert (said.code, "a grant needs a login" in said.out) == (3, True)
    assert "a grant needs a login" in " ".join(midnight("status", "--why").out.split())
    assert "0 credits (told at" in midnight("quota").out
    assert "0 to spend" in midnight("doctor").out


def test_a_refused_account_is_told_until_it_is_mended(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider(tokens=("ms-another",))
    assert midnight("run", *work).code == 2
    assert "modelscope: the provider refuses this account" in midnight("status").out
    told = [line["refused"] for line in midnight("quota", "--json").json]
    assert any(why and "401" in why for why in told)
    provider()
    assert midnight("run").code == 0
    assert "refuses" not in midnight("status").out + midnight("quota").out
