"""The arithmetic of nginx's ``limit_req``, exactly."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from runner.simulator.rate_limits import LeakyBucket


def admitted(bucket: LeakyBucket, *moments: int) -> list[bool]:
    return [bucket.admit(moment) is not None for moment in moments]


def test_a_burst_passes_beside_the_first_request() -> None:
    assert admitted(LeakyBucket(60, 2), *[0] * 5) == [True] * 3 + [False] * 2


def test_without_a_burst_requests_pass_at_the_rate_and_not_a_millisecond_earlier() -> None:
    seen = admitted(LeakyBucket(60, 0), 0, 999, 1000, 1999, 2000)
    assert seen == [True, False, True, False, True]


def test_a_refused_request_does_not_put_off_the_next() -> None:
    bucket = LeakyBucket(60, 0)
    assert admitted(bucket, *range(0, 1000, 100)) == [True] + [False] * 9
    assert admitted(bucket, 1000) == [True]


def test_a_bucket_that_has_run_dry_takes_one_burst_and_no_more() -> None:
    bucket = LeakyBucket(60, 2)
    admitted(bucket, *[0] * 3)
    assert admitted(bucket, *[3_600_000] * 5) == [True] * 3 + [False] * 2


def test_the_excess_is_the_time_by_which_a_request_is_early() -> None:
    bucket = LeakyBucket(60, 3)
    assert [bucket.admit(moment) for moment in (0, 0, 500, 500, 500)] == [0, 1000, 1500, 2500, None]


def test_a_clock_that_goes_back_leaks_nothing() -> None:
    assert admitted(LeakyBucket(60, 1), 5000, 5000, 4000, 5999, 6000) == [
        True,
        True,
        False,
        False,
        True,
    ]


@given(
    per_minute=st.integers(1, 1000),
    burst=st.integers(0, 5),
    steps=st.lists(st.integers(0, 3000), max_size=40),
)
def test_it_agrees_with_fractions_at_any_rate(
    per_minute: int, burst: int, steps: list[int]
) -> None:
    """The reference is nginx's formula: excess = max(0, excess - rate * elapsed + 1)."""
    bucket, excess, last, now = LeakyBucket(per_minute, burst), Fraction(-1), 0, 0
    for step in steps:
        now += step
        asked = max(Fraction(0), excess - Fraction(per_minute * (now - last), 60_000) + 1)
        found = bucket.admit(now)
        assert (found is None) == (asked > burst)
        if found is not None:
            assert 0 <= found - asked * 60_000 / per_minute < 1
            excess, last = asked, now
