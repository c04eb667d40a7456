"""Windows for people: what is known, what binds, and what was spent today; each fact once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.core.demand import WaitCause, WaitReason
from runner.core.period import Calendar, Rolling
from runner.core.window import Source, Unit, Window
from runner.wording import messages, shown_windows

DAY = Calendar("day", "UTC")
MINUTE = Rolling(60_000)
TODAY = Window("mine", "", "calls_per_day", "2026-11-24", 0, 9, None, DAY, spent=500)
OF_MODEL = replace(TODAY, model="m", quota="calls_per_day_per_model")
A_MINUTE = replace(TODAY, quota="calls_as_told", period=MINUTE, period_key="", primary=False)
TOKENS = replace(A_MINUTE, model="m", quota="tokens_per_minute", unit=Unit.TOKENS)
UNKNOWN = [TODAY, OF_MODEL, A_MINUTE, replace(A_MINUTE, quota="as_another_tells"), TOKENS]


def lines(*windows: Window, waiting: tuple[WaitReason, ...] = ()) -> list[str]:
    return messages.window_lines(shown_windows.today(windows, waiting))


def test_of_windows_of_which_nothing_is_known_only_todays_count_is_shown() -> None:
    assert lines(*UNKNOWN) == ["mine: 500 calls spent (limit not known yet)"]


def test_a_known_limit_is_shown_whatever_it_counts() -> None:
    told = replace(TOKENS, limit=6000, limit_source=Source.HEADER)
    assert lines(*UNKNOWN[:4], told) == [
        "mine: 500 calls spent (limit not known yet)",
        "m: 500 of 6,000 tokens spent in any 1 min (from a reply header)",
    ]


def test_what_binds_is_shown_though_its_limit_is_not_known() -> None:
    waiting = WaitReason(1, WaitCause.WINDOW_FULL, "", None, A_MINUTE)
    assert lines(*UNKNOWN, waiting=(waiting,)) == [
        "mine: 500 calls spent (limit not known yet)",
        "mine: 500 calls spent in any 1 min (limit not known yet)",
    ]


def test_the_same_fact_told_by_several_quotas_is_one_line() -> None:
    told = replace(A_MINUTE, limit=60, limit_source=Source.HEADER)
    assert len(lines(told, replace(told, quota="as_another_tells"))) == 1


def test_credits_that_nobody_knows_are_not_todays_count() -> None:
    assert lines(replace(TODAY, quota="credits", unit=Unit.CREDITS)) == []


def test_quota_lists_each_scope_and_no_further_quota_of_which_nothing_is_known() -> None:
    assert shown_windows.in_quota(UNKNOWN) == [TODAY, OF_MODEL]


@pytest.fixture
def nobody_told(midnight: Any, provider: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program with a server that says nothing of its limits."""
    provider(headers=False)
    Path("midnight.toml").write_text(
        f'[accounts.mine]\nprovider = "openai-compatible"\n'
        f'base_url = "{os.environ["MIDNIGHT_BASE_URL"]}"\ntoken = "env:MODELSCOPE_API_KEY"\n'
    )
    monkeypatch.delenv("MIDNIGHT_BASE_URL")
    return midnight


def test_a_run_a_status_and_a_log_each_say_it_once(nobody_told: Any, work: Any) -> None:
    said = nobody_told("run", *work, "--pace", "asap")
    assert said.code == 0, said
    assert said.out.count("calls spent") == 1
    assert "mine: 6 calls spent (limit not known yet)" in said.out
    assert all(line.count("calls spent") <= 1 for line in said.err.splitlines())
    assert "in any 1 min" not in said.out + said.err
    shown = nobody_told("status").out
    assert shown.count("calls spent") == 1
    quota = nobody_told("quota").out
    assert "in any 1 min" not in quota
    assert [line["quota"] for line in nobody_told("quota", "--json").json if line["spent"]]
