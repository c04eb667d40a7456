"""Credits as a user meets them: in quota, report, status and doctor, for people and machines."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path
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
    assert "modelscope: 244 credits (as of " in said
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
    assert "0 credits (as of" in midnight("quota").out
    assert "0 to spend" in midnight("doctor").out


MODEL = "Qwen/Qwen3-8B"


def test_a_plan_counts_at_the_price_that_the_provider_publishes_before_any_call(
    midnight: Any, work: Any, provider: Any
) -> None:
    told = provider(**(CREDITS | {"prices": {MODEL: 2.0}}))
    assert f"pay for 125 calls of {MODEL} (2 a call)" in words(midnight("plan", *work))
    [bought] = midnight("plan", *work, "--json").json["credits"]
    assert (bought["credits_a_call"], bought["price_known"], bought["calls"]) == (2, True, 125)
    assert told.stats().calls == 0, "the price is asked for free"
    assert midnight("run", *work).code == 0
    assert f"238 credits pay for 119 calls of {MODEL} (2 a call)" in words(midnight("plan", *work))


def test_a_price_that_nobody_tells_is_supposed_and_told_as_that(
    midnight: Any, work: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    supposed = "(at 1 credit a call, as long as its price is not known)"
    assert supposed in words(midnight("plan", *work)), "no token, so nobody can be asked"
    provider(**(CREDITS | {"prices": {MODEL: 2.0}}))
    monkeypatch.setenv("MIDNIGHT_BASE_URL", "http://127.0.0.1:9/v1")
    assert supposed in words(midnight("plan", *work)), "nobody answers"
    [bought] = midnight("plan", *work, "--json").json["credits"]
    assert (bought["credits_a_call"], bought["price_known"]) == (1, False)


@pytest.mark.parametrize("named", [MODEL, "default"])
def test_a_configured_price_is_known_and_nobody_is_asked_for_it(
    midnight: Any, work: Any, provider: Any, tmp_path: Path, named: str
) -> None:
    provider(**(CREDITS | {"prices": {MODEL: 2.0}}))
    (tmp_path / "midnight.toml").write_text(
        '[accounts.mine]\nprovider = "modelscope"\ntoken = "env:MODELSCOPE_API_KEY"\n'
        f'prices = {{ "{named}" = 0.5 }}\n'
    )
    assert f"pay for 500 calls of {MODEL} (0.5 a call)" in words(midnight("plan", *work))


def words(said: Any) -> str:
    """What a command said, on one line."""
    assert said.code == 0, said.err
    return " ".join(said.out.split())


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
