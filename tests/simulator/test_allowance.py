"""Everything is counted by days and months that begin at 00:00, or a little later."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from runner.simulator import SimulatorConfig
from runner.simulator.allowance import CallAllowance, RemainingQuota

BEIJING = timezone(timedelta(hours=8))
MIDNIGHT = int(datetime(2026, 11, 20, tzinfo=BEIJING).timestamp() * 1000)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def allowance(**settings: Any) -> CallAllowance:
    return CallAllowance(SimulatorConfig(**settings))


def test_nothing_spent_is_everything_left() -> None:
    left = allowance(calls_per_day=9, calls_per_day_per_model=4).remaining("a", "m", MIDNIGHT)
    assert left == RemainingQuota(9, 9, 4, 4)


def test_a_call_counts_for_its_account_and_its_model_alone() -> None:
    spent = allowance(calls_per_day=9, calls_per_day_per_model=4)
    spent.spend("a", "m", MIDNIGHT)
    assert spent.remaining("a", "m", MIDNIGHT) == RemainingQuota(9, 8, 4, 3)
    assert spent.remaining("a", "other", MIDNIGHT) == RemainingQuota(9, 8, 4, 4)
    assert spent.remaining("b", "m", MIDNIGHT) == RemainingQuota(9, 9, 4, 4)


def test_nothing_carries_over_to_the_next_day_nor_is_a_past_day_forgotten() -> None:
    spent = allowance(calls_per_day=9)
    spent.spend("a", "m", MIDNIGHT)
    assert spent.remaining("a", None, MIDNIGHT + DAY_MS).account_remaining == 9
    assert spent.remaining("a", None, MIDNIGHT).account_remaining == 8


def test_what_is_overspent_leaves_nothing_rather_than_less() -> None:
    spent = allowance(calls_per_day=1, calls_per_day_per_model=1)
    for _ in range(3):
        spent.spend("a", "m", MIDNIGHT)
    assert spent.remaining("a", "m", MIDNIGHT) == RemainingQuota(1, 0, 1, 0)


def test_no_limit_is_none() -> None:
    free = allowance(calls_per_day=None, calls_per_day_per_model=None)
    assert free.remaining("a", "m", MIDNIGHT) == RemainingQuota(None, None, None, None)


@pytest.mark.parametrize(
    ("elapsed_ms", "left"),
    [(0, 10), (HOUR_MS - 1, 10), (HOUR_MS, 9), (5 * HOUR_MS, 5), (10 * HOUR_MS, 0)],
)
def test_someone_else_spends_evenly_from_the_reset_on(elapsed_ms: int, left: int) -> None:
    shared = allowance(calls_per_day=10, foreign_calls_per_day=10, foreign_spread_s=36_000)
    assert shared.remaining("a", None, MIDNIGHT + elapsed_ms).account_remaining == left


def test_someone_else_stops_when_their_calls_are_made_and_begins_again_next_day() -> None:
    shared = allowance(
        calls_per_day=10, foreign_calls_per_day=3, foreign_spread_s=3600, reset_late_s=60
    )
    late = MIDNIGHT + 60_000
    left = [
        shared.remaining("a", None, late + ms).account_remaining for ms in (0, DAY_MS - 1, DAY_MS)
    ]
    assert left == [10, 7, 10]


def test_a_month_counts_calls_and_tokens_over_all_its_days_and_then_begins_anew() -> None:
    spent = allowance(calls_per_month=5, tokens_per_month=100, reset_late_s=60)
    for day in (0, 1, 10):
        spent.spend("a", "m", MIDNIGHT + day * DAY_MS, tokens=30)
    december = int(datetime(2026, 12, 1, 0, 1, tzinfo=BEIJING).timestamp() * 1000)
    seen = [spent.remaining("a", "m", moment) for moment in (december - 1, december)]
    assert [(each.month_calls_remaining, each.month_tokens_remaining) for each in seen] == [
        (2, 10),
        (5, 100),
    ]
    assert spent.remaining("b", "m", december - 1).month_calls_remaining == 5


def test_a_limit_changes_at_its_moment_and_what_was_spent_stays_spent() -> None:
    changes = ((MIDNIGHT + HOUR_MS, 2), (MIDNIGHT + 2 * HOUR_MS, 7))
    spent = allowance(calls_per_day=9, limit_changes=changes)
    for _ in range(3):
        spent.spend("a", "m", MIDNIGHT)
    moments = (HOUR_MS - 1, HOUR_MS, 2 * HOUR_MS - 1, 2 * HOUR_MS, DAY_MS)
    seen = [spent.remaining("a", None, MIDNIGHT + ms) for ms in moments]
    assert [(each.account_limit, each.account_remaining) for each in seen] == [
        (9, 6),
        (2, 0),
        (2, 0),
        (7, 4),
        (7, 7),
    ]


def test_someone_else_begins_with_the_zones_day_even_when_it_is_short() -> None:
    """On 2026-03-08 Los Angeles skips 02:00: noon is eleven hours from midnight."""
    shared = allowance(
        calls_per_day=24,
        foreign_calls_per_day=24,
        foreign_spread_s=86_400,
        zone="America/Los_Angeles",
    )
    noon = datetime(2026, 3, 8, 12, tzinfo=ZoneInfo("America/Los_Angeles"))
    left = shared.remaining("a", None, int(noon.timestamp() * 1000))
    assert left.account_remaining == 24 - 11
