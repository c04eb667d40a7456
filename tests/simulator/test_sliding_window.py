"""Any sixty seconds, to the millisecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.simulator.rate_limits import WINDOW_MS, Headroom, SlidingWindow

ARRIVALS = st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 6)), max_size=40)


def window(limit: int, *entries: tuple[int, int]) -> SlidingWindow:
    made = SlidingWindow(limit)
    for moment, amount in entries:
        made.add("a", moment, amount)
    return made


def test_a_window_nobody_used_is_whole() -> None:
    assert window(3).headroom("a", 7, 1) == Headroom(3, 3, 0, 0)


@pytest.mark.parametrize(("now", "left"), [(0, 2), (59_999, 2), (60_000, 3), (60_001, 3)])
def test_an_amount_counts_for_sixty_seconds_and_not_one_millisecond_more(
    now: int, left: int
) -> None:
    assert window(3, (0, 1)).headroom("a", now, 1).remaining == left


def test_accounts_do_not_share_a_window() -> None:
    assert window(3, (0, 3)).headroom("b", 0, 1).remaining == 3


def test_it_is_whole_when_the_newest_is_forgotten_and_has_room_when_enough_is() -> None:
    made = window(10, (0, 4), (10_000, 4), (20_000, 2))
    waits = {asked: made.headroom("a", 30_000, asked).wait_ms for asked in (1, 4, 5, 8, 9, 10)}
    assert waits == {1: 30_000, 4: 30_000, 5: 40_000, 8: 40_000, 9: 50_000, 10: 50_000}
    assert made.headroom("a", 30_000, 0) == Headroom(10, 0, full_in_ms=50_000, wait_ms=0)


def test_what_is_more_than_the_limit_never_fits() -> None:
    assert window(3).headroom("a", 0, 4).wait_ms > 0


def test_a_clock_that_goes_back_forgets_nothing() -> None:
    assert window(3, (50_000, 1), (10_000, 1)).headroom("a", 10_000, 1).remaining == 1


@given(limit=st.integers(1, 12), arrivals=ARRIVALS)
def test_no_sixty_seconds_ever_hold_more_than_the_limit_and_nobody_waits_for_nothing(
    limit: int, arrivals: list[tuple[int, int]]
) -> None:
    """Whoever fits is let in and whoever does not is not, against a plain sum as the judge."""
    made, entered, now = SlidingWindow(limit), [], 0
    for elapsed, asked in arrivals:
        now += elapsed
        used = sum(amount for moment, amount in entered if moment > now - WINDOW_MS)
        headroom = made.headroom("a", now, asked)
        assert headroom.remaining == limit - used
        assert (headroom.wait_ms == 0) == (used + asked <= limit)
        if not headroom.wait_ms:
            made.add("a", now, asked)
            entered.append((now, asked))


@given(limit=st.integers(1, 12), arrivals=ARRIVALS, asked=st.integers(1, 12))
def test_the_wait_is_over_when_it_says_and_not_a_millisecond_before(
    limit: int, arrivals: list[tuple[int, int]], asked: int
) -> None:
    entries, now = [], 0
    for elapsed, amount in arrivals:
        now += elapsed
        entries.append((now, amount))
    asked = min(asked, limit)
    wait = window(limit, *entries).headroom("a", now, asked).wait_ms
    assert window(limit, *entries).headroom("a", now + wait, asked).wait_ms == 0
    if wait:
        assert window(limit, *entries).headroom("a", now + wait - 1, asked).wait_ms == 1
    whole = window(limit, *entries).headroom("a", now, 0).full_in_ms
    assert window(limit, *entries).headroom("a", now + whole, 0).remaining == limit
