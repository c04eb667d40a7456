"""When a route that refuses everything is tried again."""

import pytest

from runner.core.backoff import (
    EXHAUSTED,
    FEW,
    PROBES,
    SILENCE_MS,
    Backoff,
    begun,
    ended,
    let_in_at,
    wait,
)

NOW = 1_800_000_000_000
MANY = FEW + 1
LONG_AGO = NOW - 10_000_000


def waits(
    times: int, *, named_ms: int | None = None, gap_ms: float | None = None, since: int = LONG_AGO
) -> list[int]:
    """The waits after so many refusals in a row, each tried as soon as it may be."""
    now, found, backoff = NOW, [], Backoff()
    for refusals in range(1, times + 1):
        backoff, until = wait(backoff._replace(refusals=refusals), named_ms, gap_ms, since, now)
        found.append(until - now)
        now = until
    return found


def test_the_waits_grow_to_ten_seconds() -> None:
    assert waits(6) == [1_000, 2_000, 5_000, 10_000, 10_000, 10_000]


def test_so_many_refusals_are_a_hundred_seconds() -> None:
    assert 80_000 <= sum(waits(EXHAUSTED - 1)) <= 120_000


def test_a_named_wait_is_kept_exactly() -> None:
    assert waits(3, named_ms=1_234) == [1_234] * 3


def test_a_wait_that_was_named_in_vain_three_times_is_not_believed() -> None:
    assert waits(6, named_ms=0) == [0, 0, 0, 10_000, 10_000, 10_000]
    assert waits(4, named_ms=60_000) == [60_000] * 4


def test_with_a_rate_the_first_wait_is_short_and_none_shorter_than_two_gaps() -> None:
    assert waits(2, gap_ms=20) == [80, 2_000]
    assert waits(3, gap_ms=1_500.5) == [1_000, 3_001, 5_000]
    assert waits(2, gap_ms=60_000) == [1_000, 10_000]


@pytest.mark.parametrize(
    ("begun_ms", "expected"),
    [
        (500, [600, 2_000, 5_000]),  # a second's end
        (8_500, [1_000, 600, 5_000]),  # ten seconds'
        (57_500, [1_000, 1_600, 5_000]),  # a minute's
        (1_050, [1_000, 2_000, 5_000]),  # over already
    ],
)
def test_no_wait_passes_over_the_end_of_a_usual_window(begun_ms: int, expected: list[int]) -> None:
    assert waits(3, since=NOW - begun_ms) == expected


def test_only_a_guessed_wait_leaves_its_end_unsure() -> None:
    backoff = begun(Backoff(), MANY, NOW)
    assert wait(backoff, None, None, LONG_AGO, NOW)[0].unsure_ms == 1_000
    assert wait(backoff, None, None, NOW - 500, NOW)[0].unsure_ms == 0
    assert wait(backoff, 30_000, None, LONG_AGO, NOW)[0].unsure_ms == 1_000


def test_a_call_that_is_not_refused_in_time_is_let_in() -> None:
    tried = Backoff(refusals=2, tried_at=NOW)
    assert let_in_at(tried, 10) == NOW + 250
    assert let_in_at(tried, 200) == NOW + 800


def test_a_backoff_leaves_word_that_it_has_been() -> None:
    backoff = begun(Backoff(), MANY, NOW)
    assert (backoff.refusals, backoff.began_at, backoff.over, backoff.seen) == (1, NOW, True, False)
    backoff = ended(backoff)
    assert (backoff.refusals, backoff.over, backoff.seen) == (0, True, True)


def test_a_window_that_its_own_trials_may_keep_exceeded_is_left_alone_for_a_minute() -> None:
    """It counts the calls that it refuses, and bears hardly more of them."""
    few, many = begun(Backoff(), FEW, NOW), begun(Backoff(), MANY, NOW)
    for backoff, expected in ((few, SILENCE_MS), (many, 10_000)):
        tried = backoff._replace(refusals=PROBES)
        assert wait(tried, None, None, LONG_AGO, NOW)[1] == NOW + expected
        assert tried.was_silent == (expected == SILENCE_MS)


def test_refused_after_that_it_is_more_than_throttling() -> None:
    few, many = begun(Backoff(), FEW, NOW), begun(Backoff(), MANY, NOW)
    assert not few._replace(refusals=PROBES).is_exhausted
    assert few._replace(refusals=PROBES + 1).is_exhausted
    assert not many._replace(refusals=EXHAUSTED - 1).is_exhausted
    assert many._replace(refusals=EXHAUSTED).is_exhausted
