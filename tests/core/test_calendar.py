"""Which day a moment belongs to, in zones that change their clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.calendar import day_at

HOUR = 3_600_000
SHANGHAI, PACIFIC, BERLIN = "Asia/Shanghai", "America/Los_Angeles", "Europe/Berlin"
LORD_HOWE = "Australia/Lord_Howe"  # changes by half an hour
HAVANA = "America/Havana"  # 00:00 is skipped in spring, and comes twice in autumn
APIA = "Pacific/Apia"  # had no 2011-12-30
ZONES = [SHANGHAI, PACIFIC, BERLIN, LORD_HOWE, HAVANA, "UTC", "Asia/Kathmandu"]
moments = st.integers(1_577_836_800_000, 2_208_988_800_000)  # 2020 to 2040


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def hours(moment: str, zone: str) -> float:
    day = day_at(utc(moment), zone)
    return (day.ends_at - day.starts_at) / HOUR


def test_modelscope_begins_its_day_at_four_in_the_afternoon_utc() -> None:
    before, after = utc("2026-11-23T15:59:59.999"), utc("2026-11-23T16:00")
    assert day_at(before, SHANGHAI).name == "2026-11-23"
    assert day_at(after, SHANGHAI).name == "2026-11-24"
    assert day_at(after, SHANGHAI).starts_at == after


@pytest.mark.parametrize(
    ("moment", "zone", "lasts"),
    [
        ("2026-03-08T20:00", PACIFIC, 23),
        ("2026-11-01T20:00", PACIFIC, 25),
        ("2026-03-29T10:00", BERLIN, 23),
        ("2026-10-25T10:00", BERLIN, 25),
        ("2026-10-04T00:00", LORD_HOWE, 23.5),
        ("2026-04-05T00:00", LORD_HOWE, 24.5),
        ("2026-03-08T12:00", HAVANA, 23),
        ("2026-11-01T12:00", HAVANA, 25),
        ("2026-03-08T12:00", SHANGHAI, 24),
        ("2011-12-30T09:00", APIA, 24),
    ],
)
def test_a_day_lasts_as_long_as_its_zone_says(moment: str, zone: str, lasts: float) -> None:
    assert hours(moment, zone) == lasts


def test_the_hour_that_comes_twice_belongs_to_one_day() -> None:
    first, second = utc("2026-11-01T08:30"), utc("2026-11-01T09:30")  # both 01:30 in Los Angeles
    assert day_at(first, PACIFIC) == day_at(second, PACIFIC)


def test_a_day_whose_midnight_is_skipped_starts_at_the_change() -> None:
    day = day_at(utc("2026-03-08T12:00"), HAVANA)
    assert day.name == "2026-03-08"
    assert day.starts_at == utc("2026-03-08T05:00")


def test_a_date_that_a_zone_left_out_has_no_day() -> None:
    before = day_at(utc("2011-12-30T09:59"), APIA)
    assert before.name == "2011-12-29"
    assert day_at(before.ends_at, APIA).name == "2011-12-31"


@given(moments, st.sampled_from(ZONES))
def test_a_day_holds_its_moment_and_is_named_by_the_local_date(now: int, zone: str) -> None:
    day = day_at(now, zone)
    assert day.starts_at <= now < day.ends_at
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now)).astimezone(
        ZoneInfo(zone)
    )
    assert day.name == local.date().isoformat()


@given(moments, st.sampled_from(ZONES))
def test_days_follow_each_other_without_gap_or_overlap(now: int, zone: str) -> None:
    day = day_at(now, zone)
    following = day_at(day.ends_at, zone)
    assert following.starts_at == day.ends_at
    assert following.name > day.name
    assert day_at(day.starts_at, zone) == day_at(day.ends_at - 1, zone) == day
    assert 22 * HOUR <= day.ends_at - day.starts_at <= 26 * HOUR
