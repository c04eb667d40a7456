"""What others usually take of a day, and what the pace leaves to them."""

from __future__ import annotations

import pytest

from runner.core.others import DAYS, STRETCH_MS, usually_taken, with_taken
from runner.core.pacing import left_to_others
from runner.core.rolling import Amounts
from runner.core.time_units import DAY_MS, HOUR_MS

MIDNIGHT = 10_000 * DAY_MS


def days_of(*amounts: int, hour: int = 13) -> Amounts:
    """What others took at that hour of the past days, the latest last."""
    others: Amounts = ()
    for day, amount in enumerate(amounts):
        moment = MIDNIGHT + (day - len(amounts)) * DAY_MS + hour * HOUR_MS
        others = with_taken(others, moment, amount)
    return others


def expected(others: Amounts, hour: float) -> int:
    now = MIDNIGHT + round(hour * HOUR_MS)
    return usually_taken(others, now, MIDNIGHT + DAY_MS)


def test_of_whom_nothing_is_known_nothing_is_expected() -> None:
    assert usually_taken((), MIDNIGHT, MIDNIGHT + DAY_MS) == 0


def test_the_median_of_the_past_days_is_expected() -> None:
    assert expected(days_of(30, 90, 40, 0, 50, 40, 40), 0) == 40
    assert expected(days_of(30), 0) == 30


def test_what_was_taken_earlier_in_the_day_is_not_expected_any_more() -> None:
    """A stretch of two hours counts by the part that is still to come."""
    taken = days_of(40, 40, 40)
    assert [expected(taken, hour) for hour in (12, 13, 14, 23)] == [40, 20, 0, 0]


def test_a_call_in_flight_that_seemed_to_be_somebody_elses_is_corrected() -> None:
    once = with_taken((), MIDNIGHT + 1, 3)
    assert once == ((MIDNIGHT + STRETCH_MS, 3),)
    assert with_taken(once, MIDNIGHT + 2, -3) == ()
    assert usually_taken(with_taken(once, MIDNIGHT + 2, -9), MIDNIGHT, MIDNIGHT + DAY_MS) == 0


def test_a_week_is_kept() -> None:
    first, _ = days_of(*[5] * 20)[0]
    assert first > MIDNIGHT + 13 * HOUR_MS - (DAYS + 1) * DAY_MS


@pytest.mark.parametrize(("left", "kept"), [(100, 40), (50, 25), (1, 0), (0, 0)])
def test_the_pace_leaves_them_half_of_what_is_left_at_most(left: int, kept: int) -> None:
    assert left_to_others(days_of(40), left, MIDNIGHT, MIDNIGHT + DAY_MS) == kept
