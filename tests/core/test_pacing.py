"""When the next call may start."""

from datetime import UTC
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runner.core.hours import read_hours
from runner.core.pacing import SAFETY_MS, next_start

HOUR = 3_600_000
DAY = 24 * HOUR


def start(budget: int = 9, *, last: int | None = 0, now: int = 0) -> int:
    return next_start(budget=budget, last_start=last, resets_at=DAY, now=now)


def test_the_first_call_starts_at_once() -> None:
    assert start(last=None, now=5) == 5


def test_the_time_left_is_divided_by_the_calls_left() -> None:
    assert start(budget=9) == (DAY - SAFETY_MS) // 10


def test_a_call_that_is_overdue_starts_now() -> None:
    assert start(budget=9, now=DAY // 2) == DAY // 2


def test_close_to_the_reset_nothing_is_spread_any_more() -> None:
    assert start(last=DAY - SAFETY_MS, now=DAY - SAFETY_MS) == DAY - SAFETY_MS
    assert start(budget=0, last=DAY - 5, now=DAY - 3) == DAY - 3


def test_only_the_users_hours_are_divided() -> None:
    """Of 22:00 to 02:00, in UTC, two hours are left of this day and none is wasted."""
    night = read_hours("22:00-02:00", UTC)
    first = next_start(budget=9, last_start=22 * HOUR, resets_at=DAY, now=22 * HOUR, hours=night)
    assert first == 22 * HOUR + (2 * HOUR - SAFETY_MS) // 10
    sleeping = next_start(
        budget=1, last_start=HOUR, resets_at=DAY, now=HOUR, hours=read_hours("00:00-02:00", UTC)
    )
    assert sleeping == HOUR + HOUR // 2


def starts_of_a_day(budget: int, begin: int, delays: list[int]) -> list[int]:
    """When the calls of a rationed day start, each later than planned by its delay."""
    starts: list[int] = []
    now, last = begin, None
    while budget:
        now = start(budget, last=last, now=now)
        now += delays[len(starts) % len(delays)]
        starts.append(now)
        last, budget = now, budget - 1
    return starts


@given(st.integers(1, 300), st.integers(0, DAY - SAFETY_MS))
def test_the_whole_budget_starts_before_the_reset_at_even_distances(
    budget: int, begin: int
) -> None:
    starts = starts_of_a_day(budget, begin, [0])
    assert len(starts) == budget
    assert starts[-1] <= DAY - SAFETY_MS
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert not gaps or max(gaps) - min(gaps) <= 2


@given(
    st.integers(1, 100),
    st.integers(0, DAY // 2),
    st.lists(st.integers(0, DAY // 400), min_size=1, max_size=9),
)
def test_delays_are_made_up_for(budget: int, begin: int, delays: list[int]) -> None:
    """A slow loop or a pause squeezes the rest of the day, and loses nothing of it."""
    assert starts_of_a_day(budget, begin, delays)[-1] < DAY


@given(st.integers(0, 99), st.integers(-DAY, DAY), st.integers(0, DAY))
def test_a_start_is_never_in_the_past_and_never_after_the_reset(
    budget: int, last: int, now: int
) -> None:
    """Yesterday's last call counts as well as today's."""
    planned = start(budget, last=min(last, now), now=now)
    assert now <= planned <= DAY
