"""When the next call may start."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from runner.core.pacing import SAFETY_MS, Pace, next_start, rationed

HOUR = 3_600_000
DAY = 24 * HOUR


def start(
    pace: Pace = Pace.AUTO,
    *,
    budget: int | None = 9,
    waiting: int = 100,
    last: int | None = 0,
    now: int = 0,
) -> int:
    return next_start(pace, budget=budget, waiting=waiting, last_start=last, resets_at=DAY, now=now)


def test_auto_rations_only_what_does_not_fit() -> None:
    assert not rationed(Pace.AUTO, budget=10, waiting=10)
    assert rationed(Pace.AUTO, budget=10, waiting=11)


def test_asap_never_rations_and_even_always_does() -> None:
    assert not rationed(Pace.ASAP, budget=1, waiting=1_000)
    assert rationed(Pace.EVEN, budget=1_000, waiting=1)


def test_an_unknown_budget_cannot_be_rationed() -> None:
    assert not any(rationed(pace, budget=None, waiting=9) for pace in Pace)


def test_work_that_fits_starts_at_once() -> None:
    assert start(waiting=9, now=5) == 5


def test_the_first_call_starts_at_once() -> None:
    assert start(last=None, now=5) == 5


def test_the_time_left_is_divided_by_the_calls_left() -> None:
    assert start(budget=9) == (DAY - SAFETY_MS) // 10


def test_a_call_that_is_overdue_starts_now() -> None:
    assert start(budget=9, now=DAY // 2) == DAY // 2


def test_close_to_the_reset_nothing_is_spread_any_more() -> None:
    assert start(last=DAY - SAFETY_MS, now=DAY - SAFETY_MS) == DAY - SAFETY_MS
    assert start(budget=0, last=DAY - 5, now=DAY - 3) == DAY - 3


def starts_of_a_day(budget: int, begin: int, delays: list[int]) -> list[int]:
    """When the calls of a rationed day start, each later than planned by its delay."""
    starts: list[int] = []
    now, last = begin, None
    while budget:
        now = start(Pace.EVEN, budget=budget, last=last, now=now)
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
    planned = start(Pace.EVEN, budget=budget, last=min(last, now), now=now)
    assert now <= planned <= DAY
