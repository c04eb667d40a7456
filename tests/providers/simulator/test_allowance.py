"""Days begin at 00:00 UTC+8, or a little later, and everything is counted by them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from runner.providers.simulator import SimulatorConfig
from runner.providers.simulator.allowance import Allowance, Standing, day_name, quota_day

BEIJING = timezone(timedelta(hours=8))
MIDNIGHT = int(datetime(2026, 11, 20, tzinfo=BEIJING).timestamp() * 1000)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def allowance(**settings: Any) -> Allowance:
    return Allowance(SimulatorConfig(**settings))


def test_a_day_begins_at_midnight_in_beijing_to_the_millisecond() -> None:
    days = [day_name(quota_day(MIDNIGHT + ms)) for ms in (-1, 0, DAY_MS - 1, DAY_MS)]
    assert days == ["2026-11-19", "2026-11-20", "2026-11-20", "2026-11-21"]


def test_a_late_reset_prolongs_the_day_before() -> None:
    days = [day_name(quota_day(MIDNIGHT + ms, 90)) for ms in (0, 89_999, 90_000)]
    assert days == ["2026-11-19", "2026-11-19", "2026-11-20"]


def test_nothing_spent_is_everything_left() -> None:
    standing = allowance(calls_per_day=9, calls_per_day_per_model=4).standing("a", "m", MIDNIGHT)
    assert standing == Standing(9, 9, 4, 4)


def test_a_call_counts_for_its_account_and_its_model_alone() -> None:
    spent = allowance(calls_per_day=9, calls_per_day_per_model=4)
    spent.spend("a", "m", MIDNIGHT)
    assert spent.standing("a", "m", MIDNIGHT) == Standing(9, 8, 4, 3)
    assert spent.standing("a", "other", MIDNIGHT) == Standing(9, 8, 4, 4)
    assert spent.standing("b", "m", MIDNIGHT) == Standing(9, 9, 4, 4)


def test_nothing_carries_over_to_the_next_day_nor_is_a_past_day_forgotten() -> None:
    spent = allowance(calls_per_day=9)
    spent.spend("a", "m", MIDNIGHT)
    assert spent.standing("a", None, MIDNIGHT + DAY_MS).account_left == 9
    assert spent.standing("a", None, MIDNIGHT).account_left == 8


def test_what_is_overspent_leaves_nothing_rather_than_less() -> None:
    spent = allowance(calls_per_day=1, calls_per_day_per_model=1)
    for _ in range(3):
        spent.spend("a", "m", MIDNIGHT)
    assert spent.standing("a", "m", MIDNIGHT) == Standing(1, 0, 1, 0)


def test_no_limit_is_none() -> None:
    free = allowance(calls_per_day=None, calls_per_day_per_model=None)
    assert free.standing("a", "m", MIDNIGHT) == Standing(None, None, None, None)


@pytest.mark.parametrize(
    ("elapsed_ms", "left"),
    [(0, 10), (HOUR_MS - 1, 10), (HOUR_MS, 9), (5 * HOUR_MS, 5), (10 * HOUR_MS, 0)],
)
def test_someone_else_spends_evenly_from_the_reset_on(elapsed_ms: int, left: int) -> None:
    shared = allowance(calls_per_day=10, foreign_calls_per_day=10, foreign_spread_s=36_000)
    assert shared.standing("a", None, MIDNIGHT + elapsed_ms).account_left == left


def test_someone_else_stops_when_their_calls_are_made_and_begins_again_next_day() -> None:
    shared = allowance(
        calls_per_day=10, foreign_calls_per_day=3, foreign_spread_s=3600, reset_late_s=60
    )
    late = MIDNIGHT + 60_000
    left = [shared.standing("a", None, late + ms).account_left for ms in (0, DAY_MS - 1, DAY_MS)]
    assert left == [10, 7, 10]
