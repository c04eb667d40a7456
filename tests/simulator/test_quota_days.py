"""The quota day and month of a moment, in zones with and without daylight saving time."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from runner.simulator.config import SHANGHAI
from runner.simulator.quota_days import QuotaCalendar, day_name

BEIJING = timezone(timedelta(hours=8))
MIDNIGHT = int(datetime(2026, 11, 20, tzinfo=BEIJING).timestamp() * 1000)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
CALIFORNIA = "America/Los_Angeles"


def begins(name: str, zone: str, late_s: int = 0) -> int:
    day = (date.fromisoformat(name) - date(1970, 1, 1)).days
    return QuotaCalendar(zone, late_s).begins_ms(day)


def date_of(now_ms: int, late_s: int = 0, zone: str = SHANGHAI) -> str:
    return day_name(QuotaCalendar(zone, late_s).day(now_ms).number)


def quota_month(now_ms: int, late_s: int = 0, zone: str = SHANGHAI) -> int:
    return QuotaCalendar(zone, late_s).day(now_ms).month


def test_a_day_begins_at_midnight_in_beijing_to_the_millisecond() -> None:
    days = [date_of(MIDNIGHT + ms) for ms in (-1, 0, DAY_MS - 1, DAY_MS)]
    assert days == ["2026-11-19", "2026-11-20", "2026-11-20", "2026-11-21"]


def test_a_late_reset_prolongs_the_day_before() -> None:
    days = [date_of(MIDNIGHT + ms, 90) for ms in (0, 89_999, 90_000)]
    assert days == ["2026-11-19", "2026-11-19", "2026-11-20"]


@pytest.mark.parametrize(
    ("name", "following", "zone", "hours"),
    [
        ("2026-03-08", "2026-03-09", CALIFORNIA, 23),
        ("2026-11-01", "2026-11-02", CALIFORNIA, 25),
        ("2026-07-01", "2026-07-02", CALIFORNIA, 24),
        ("2026-03-08", "2026-03-09", "Asia/Shanghai", 24),
        ("2026-03-29", "2026-03-30", "Asia/Beirut", 23),  # midnight itself is skipped
        ("2026-10-24", "2026-10-25", "Asia/Beirut", 25),  # its last hour is struck twice
        ("2026-11-01", "2026-11-02", "America/Havana", 25),  # midnight itself is struck twice
        ("2026-04-05", "2026-04-06", "Australia/Lord_Howe", 24.5),
    ],
)
@pytest.mark.parametrize("late_s", [0, 45])
def test_a_day_lasts_as_long_as_its_zone_says_and_ends_where_the_next_begins(
    name: str, following: str, zone: str, hours: float, late_s: int
) -> None:
    start, end = begins(name, zone, late_s), begins(following, zone, late_s)
    assert end - start == hours * HOUR_MS
    moments = (start - 1, start, end - 1, end)
    days = [date_of(moment, late_s, zone) for moment in moments]
    assert days[0] < name
    assert days[1:] == [name, name, following]


def test_a_month_begins_with_its_first_day_in_the_zone() -> None:
    start = int(datetime(2026, 11, 1, tzinfo=ZoneInfo(CALIFORNIA)).timestamp() * 1000)
    october, november = (quota_month(start + ms, 0, CALIFORNIA) for ms in (-1, 0))
    assert november == october + 1
    assert quota_month(start - 1, 0, "Asia/Shanghai") == november
    assert quota_month(start + 89_999, 90, CALIFORNIA) == october


def test_months_go_on_counting_over_the_turn_of_the_year() -> None:
    december = int(datetime(2026, 12, 31, 23, 59, tzinfo=BEIJING).timestamp() * 1000)
    assert quota_month(december + 60_000) == quota_month(december) + 1


def test_one_calendar_answers_for_moments_in_any_order() -> None:
    calendar, noon = QuotaCalendar(CALIFORNIA, 45), MIDNIGHT + 12 * HOUR_MS
    for days in (0, 200, -1, 0, 5, 4, 365):
        moment = noon + days * DAY_MS
        fresh = QuotaCalendar(CALIFORNIA, 45).day(moment)
        assert calendar.day(moment) == fresh
        assert fresh.begins_ms <= moment < fresh.ends_ms


def test_days_may_end_early_and_late_in_turn() -> None:
    """Twenty minutes early, then ninety minutes late, over and over."""
    calendar = QuotaCalendar(shifts_s=(-1_200, 5_400))
    first = calendar.day(1_767_628_800_000)
    shifts = [0, 0]
    for number in range(first.number, first.number + 4):
        midnight = QuotaCalendar().begins_ms(number)
        assert calendar.day(calendar.begins_ms(number)).number == number
        assert calendar.day(calendar.begins_ms(number) - 1).number == number - 1
        shifts[number % 2] = (calendar.begins_ms(number) - midnight) // 1000
    assert shifts == [-1_200, 5_400]
