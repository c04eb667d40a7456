"""The hours at which calls may be made."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.hours import read_hours
from runner.core.time_units import DAY_MS

MINUTE = 60_000
HOUR = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = read_hours("22:00-08:00", BERLIN)


def at(text: str) -> int:
    """A moment in Berlin."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def test_a_night_reaches_across_midnight() -> None:
    assert NIGHT.opens_at(at("2026-01-05 21:59")) == at("2026-01-05 22:00")
    for within in ("2026-01-05 22:00", "2026-01-06 00:00", "2026-01-06 07:59"):
        assert NIGHT.opens_at(at(within)) == at(within)
        left = at("2026-01-06 08:00") - at(within)
        assert NIGHT.usable_ms(at(within), at("2026-01-06 21:00")) == left
    assert NIGHT.opens_at(at("2026-01-06 08:00")) == at("2026-01-06 22:00")


@pytest.mark.parametrize(
    ("evening", "hours"),
    [("2026-01-05", 10), ("2026-03-28", 9), ("2026-10-24", 11)],
)
def test_a_night_of_changing_clocks_is_shorter_or_longer(evening: str, hours: int) -> None:
    begin = at(f"{evening} 12:00")
    assert NIGHT.usable_ms(begin, begin + DAY_MS) == hours * HOUR
    morning = datetime.fromisoformat(evening) + timedelta(days=1, hours=8)
    assert NIGHT.after(begin, hours * HOUR) == at(morning.isoformat())


@given(
    st.integers(0, 23),
    st.integers(0, 23),
    st.integers(0, 400 * 24 * 60),
    st.integers(0, 3 * DAY_MS),
)
def test_usable_time_and_the_moment_after_it_agree(
    begins: int, ends: int, minute: int, ms: int
) -> None:
    if begins == ends:
        return
    hours = read_hours(f"{begins:02}:00-{ends:02}:00", BERLIN)
    now = at("2026-01-01 00:00") + minute * 60_000
    then = hours.after(now, ms)
    assert hours.usable_ms(now, then) == ms
    assert hours.opens_at(now) >= now


def test_what_does_not_fit_one_night_goes_on_in_the_next() -> None:
    begin = at("2026-01-05 12:00")
    assert NIGHT.after(begin, 25 * HOUR) == at("2026-01-08 03:00")


@pytest.mark.parametrize("text", ["", "22-08", "22:00", "24:00-08:00", "22:60-08:00", "8:00-9:00"])
def test_what_is_no_stretch_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="22:00-08:00"):
        read_hours(text, UTC)


def test_an_empty_stretch_is_refused() -> None:
    with pytest.raises(ValueError, match="different times"):
        read_hours("08:00-08:00", UTC)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("Australia/Lord_Howe", "2026-04-05"),  # by half an hour
        ("Australia/Lord_Howe", "2026-10-04"),
        ("America/St_Johns", "2026-03-08"),
        ("Asia/Kathmandu", "2026-03-08"),
    ],
)
@pytest.mark.parametrize(
    "text",
    ["01:30-02:30", "02:30-04:00", "02:00-03:00", "22:00-02:15", "03:00-02:59", "00:00-02:30"],
)
def test_on_days_of_a_change_the_clock_on_the_wall_decides(zone: str, day: str, text: str) -> None:
    """Minute by minute: what it shows twice counts twice, what it leaves out is no time at all."""
    place = ZoneInfo(zone)
    hours = read_hours(text, place)
    begin, end = (time.fromisoformat(part) for part in text.split("-"))
    start = int(datetime.fromisoformat(day).replace(tzinfo=place).timestamp() * 1000) - 6 * HOUR
    usable = 0
    for now in range(start, start + 36 * HOUR, MINUTE):
        shown = datetime.fromtimestamp(now / 1000, place).time()
        within = begin <= shown < end if begin < end else shown >= begin or shown < end
        assert (hours.opens_at(now) == now) is within, shown
        usable += within * MINUTE
    assert hours.usable_ms(start, start + 36 * HOUR) == usable
