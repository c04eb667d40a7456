"""`plan` names other models where the one of the job file takes more than today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

OURS = "Qwen/Qwen3-8B"
LISTED = (OURS, "Qwen/Qwen3-32B", "ZhipuAI/GLM-4.5", "Qwen/Qwen3-Embedding-8B", "Qwen/Qwen-Image")
NO_CALLS = {"calls_per_day": None, "calls_per_day_per_model": None}


@pytest.fixture
def many(work: tuple[str, str], tmp_path: Path) -> tuple[str, str]:
    """A job file and 600 rows."""
    rows = "".join(f"{number},review number {number}\n" for number in range(600))
    (tmp_path / "data.csv").write_text(f"id,text\n{rows}")
    return work


def suggested(said: Any) -> list[str]:
    """The lines of a plan that name another model."""
    assert said.code == 0, said.err
    return [line.strip() for line in said.out.splitlines() if " on modelscope:" in line]


def test_models_with_more_left_are_named_those_of_the_same_maker_and_of_words(
    midnight: Any, many: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    told = provider(models=LISTED, calls_per_day=2000, calls_per_day_per_model=500)
    assert midnight("run", many[0], many[1], "--limit", 20, "--pace", "asap").code == 0
    spent = told.stats().calls
    found = suggested(midnight("plan", *many))
    assert [line.split(" on ")[0].split()[-1] for line in found] == [LISTED[1], LISTED[2]]
    assert all("1,980 calls left" in line for line in found), "as far as is known"
    assert told.stats().calls == spent, "to ask for models costs nothing"
    names = [one["model"] for one in midnight("plan", *many, "--json").json["other_models"]]
    assert names == [LISTED[1], LISTED[2]]


def test_cheaper_models_are_named_first_with_their_price(
    midnight: Any, many: Any, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    prices = {OURS: 2.0, LISTED[1]: 1.0, LISTED[2]: 0.5}
    provider(models=LISTED, credits=250.0, prices=prices, **NO_CALLS)
    assert midnight("run", many[0], many[1], "--limit", 20, "--pace", "asap").code == 0
    cheapest, cheaper = suggested(midnight("plan", *many))
    assert f"{LISTED[2]} on modelscope: " in cheapest
    assert "0.5 credits a call" in cheapest
    assert f"{LISTED[1]} on modelscope: " in cheaper


def test_none_is_named_where_today_is_enough_or_nothing_is_better(
    midnight: Any, many: Any, provider: Any
) -> None:
    provider(models=LISTED, calls_per_day=2000, calls_per_day_per_model=1000)
    assert suggested(midnight("plan", *many)) == [], "600 calls fit a day"
    provider(models=(OURS,), calls_per_day=2000, calls_per_day_per_model=500)
    assert suggested(midnight("plan", *many)) == []


def test_a_provider_that_lists_nothing_keeps_no_plan_from_being_told(
    midnight: Any, many: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine without network; nothing is suggested either where no token is at hand."""
    assert suggested(midnight("plan", *many)) == []
    monkeypatch.setenv("MODELSCOPE_API_KEY", "ms-somebody")
    monkeypatch.setenv("MIDNIGHT_BASE_URL", "http://127.0.0.1:9/v1")
    assert suggested(midnight("plan", *many)) == []
