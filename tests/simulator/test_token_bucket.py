"""Calls that drip into a bucket, exactly."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from runner.simulator.rate_limits import Headroom, TokenBucket

DAY_MS = 86_400_000


def bucket(limit: int, period_ms: int, *spent_at: int) -> TokenBucket:
    made = TokenBucket(limit, period_ms)
    for moment in spent_at:
        made.spend("a", moment)
    return made


def test_a_bucket_nobody_used_is_full() -> None:
    assert bucket(1000, DAY_MS).headroom("a", 5) == Headroom(1000, 1000, 0, 0)


def test_one_call_drips_in_every_period_over_limit() -> None:
    made = bucket(1000, DAY_MS, *[0] * 1000)
    seen = [made.headroom("a", ms) for ms in (0, 86_399, 86_400, 172_799, DAY_MS - 1, DAY_MS)]
    assert [room.remaining for room in seen] == [0, 0, 1, 1, 999, 1000]
    assert [room.wait_ms for room in seen] == [86_400, 1, 0, 0, 0, 0]
    assert seen[0].full_in_ms == DAY_MS


def test_a_full_bucket_holds_no_more() -> None:
    made = bucket(2, 1000, 0)
    assert made.headroom("a", 10**9).remaining == 2


def test_accounts_do_not_share_a_bucket() -> None:
    assert bucket(2, 1000, 0, 0).headroom("b", 0).remaining == 2


def test_a_clock_that_goes_back_drips_nothing() -> None:
    assert bucket(2, 1000, 5000, 5000).headroom("a", 4000).remaining == 0


@given(
    limit=st.integers(1, 9),
    period_ms=st.integers(1, 5000),
    steps=st.lists(st.integers(0, 3000), max_size=30),
)
def test_it_agrees_with_fractions_however_odd_the_rate(
    limit: int, period_ms: int, steps: list[int]
) -> None:
    made, level, now = bucket(limit, period_ms), Fraction(limit), 0
    for step in steps:
        now += step
        level = min(Fraction(limit), level + Fraction(step * limit, period_ms))
        room = made.headroom("a", now)
        assert room.remaining == int(level)
        assert (room.wait_ms == 0) == (level >= 1)
        if room.wait_ms:
            assert level + Fraction(room.wait_ms * limit, period_ms) >= 1
            assert level + Fraction((room.wait_ms - 1) * limit, period_ms) < 1
        else:
            made.spend("a", now)
            level -= 1
