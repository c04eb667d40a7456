"""How far a provider's clock is from ours."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.clock_skew import EPOCH_MS, MOST_SKEW_MS, SIGHTINGS, SPAN_MS, Skew, observed
from runner.core.renewal import CLOCK_TOLERANCE_MS

NOW = 1_795_500_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


def after(*skews: int, known: Skew | None = None, every: int = SPAN_MS) -> Skew:
    """After replies whose Dates differ from our clock by `skews`."""
    skew = known or Skew()
    for number, differs in enumerate(skews):
        at = number * every
        skew = observed(skew, NOW + at + differs, NOW + at, at)
    return skew


def test_a_clock_within_the_tolerance_is_right_and_confirmed_at_once() -> None:
    assert after(0) == after(CLOCK_TOLERANCE_MS) == Skew(0, is_confirmed=True)


def test_a_clock_that_is_far_off_is_believed_when_several_replies_say_so() -> None:
    assert after(*[-3 * DAY] * (SIGHTINGS - 1)).ms == 0
    assert after(*[-3 * DAY] * SIGHTINGS) == Skew(-3 * DAY, is_confirmed=True)


def test_a_date_out_of_a_cache_stands_still_and_is_not_believed() -> None:
    """Many replies in a row have it, in no time; then it is another difference."""
    assert after(*[-HOUR] * 50, every=1).ms == 0
    aging = [-HOUR - n * CLOCK_TOLERANCE_MS - n for n in range(20)]
    assert after(*aging, every=CLOCK_TOLERANCE_MS).ms == 0


@pytest.mark.parametrize("date", [0, NOW + 4_071 * DAY, NOW + MOST_SKEW_MS + HOUR])
def test_nonsense_is_never_believed_however_often_it_is_told(date: int) -> None:
    skew = Skew(0, is_confirmed=True)
    for number in range(100):
        skew = observed(skew, date + number * HOUR, NOW + number * HOUR, number * HOUR)
    assert skew == Skew(0, is_confirmed=True)


def test_a_machine_without_a_clock_of_its_own_takes_the_providers() -> None:
    skew = Skew()
    for number in range(SIGHTINGS):
        at = number * SPAN_MS
        skew = observed(skew, NOW + at, 1_000 + at, at)
    assert skew == Skew(NOW - 1_000, is_confirmed=True)
    assert EPOCH_MS < NOW


def test_one_wrong_date_is_forgotten_with_the_next_right_one() -> None:
    doubted = after(0, DAY)
    assert (doubted.ms, doubted.is_confirmed, doubted.other) == (0, False, DAY)
    assert after(0, known=doubted) == Skew(0, is_confirmed=True)


def test_a_clock_that_is_set_right_again_is_known_as_any_other() -> None:
    wrong = after(*[HOUR] * SIGHTINGS)
    assert after(*[0] * SIGHTINGS, known=wrong) == Skew(0, is_confirmed=True)


@given(st.lists(st.sampled_from([0, HOUR, -DAY, 2 * HOUR, 400 * DAY]), max_size=30))
def test_what_is_believed_was_told_by_several_replies_in_a_row(told: list[int]) -> None:
    states = [after(*told[:number]) for number in range(len(told) + 1)]
    for number, (before, skew) in enumerate(pairwise(states), 1):
        if skew.ms != before.ms:
            plausible = [one for one in told[:number] if abs(one) <= MOST_SKEW_MS]
            assert plausible[-SIGHTINGS:] == [skew.ms] * SIGHTINGS
