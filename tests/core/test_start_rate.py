"""How the rate at which calls may start is found."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.start_rate import (
    LEAST_RATE,
    Cycle,
    StartRate,
    learned,
    refused,
    resumed,
    room,
    started,
)

NOW = 1_800_000_000_000
SECOND = 1_000


def kept_up(rate: StartRate, starts: int, *, bound: bool = True) -> tuple[StartRate, int]:
    """So many starts, each as soon as the rate lets it."""
    now = NOW
    for _ in range(starts):
        now = max(now, math.ceil(rate.next_at))
        assert room(rate, now) >= 1
        rate = started(rate, 1, now, bound=bound)
    return rate, now


def test_calls_start_one_gap_apart() -> None:
    rate = learned(1 / SECOND, 0.1, NOW)
    assert room(rate, NOW) == 0
    assert room(rate, NOW + 999) == 0
    assert room(rate, NOW + SECOND) == 1
    rate = started(rate, 1, NOW + 1_005, bound=False)
    assert rate.next_at == NOW + 2_005


def test_where_the_gap_is_short_a_late_turn_is_made_up_for() -> None:
    rate = learned(1.0, 0.1, NOW)
    assert room(rate, NOW + 1) == 1
    assert room(rate, NOW + 6) == 6
    assert room(rate, NOW + 10_000) == 20
    assert started(rate, 6, NOW + 6, bound=False).next_at == NOW + 7


def test_a_higher_rate_is_tried_after_one_part_in_step() -> None:
    rate = learned(1 / SECOND, 1 / 64, NOW)
    assert kept_up(rate, 63)[0].rate == rate.rate
    tried = kept_up(rate, 64)[0]
    assert tried.rate == pytest.approx(rate.accepted * (1 + 1 / 64))
    assert tried.accepted == rate.accepted


def test_starts_that_waited_for_something_else_prove_nothing() -> None:
    rate = learned(1 / SECOND, 1 / 64, NOW)
    assert kept_up(rate, 500, bound=False)[0].rate == rate.rate


def test_a_tried_rate_that_lasts_is_held_and_twice_in_a_row_doubles_the_step() -> None:
    rate = kept_up(learned(1 / SECOND, 0.25, NOW), 4)[0]
    first = kept_up(rate, 10)[0]
    assert first.accepted == pytest.approx(1.25 / SECOND)
    assert first.step == 0.25
    second = kept_up(first, 10)[0]
    assert second.accepted == pytest.approx(1.25**2 / SECOND)
    assert second.step == 0.5


def test_a_rate_lasts_as_long_as_the_longest_backoff_has() -> None:
    rate, now = kept_up(learned(1 / SECOND, 1.0, NOW, span=60 * SECOND), 59)
    assert rate.rate == rate.accepted
    assert now < NOW + 60 * SECOND
    assert kept_up(learned(1 / SECOND, 1.0, NOW, span=60 * SECOND), 61)[0].rate > rate.accepted


def test_a_tried_rate_that_is_refused_gives_way_to_what_held() -> None:
    tried = kept_up(learned(1 / SECOND, 0.1, NOW), 10)[0]
    after = refused(tried, 20, 20 * SECOND, NOW, dry=False)
    assert (after.rate, after.accepted) == (tried.accepted, tried.accepted)
    assert after.step == 0.05
    assert after.next_at == NOW + SECOND


def test_what_was_let_in_counts_if_it_is_more_than_what_held() -> None:
    tried = kept_up(learned(1 / SECOND, 0.1, NOW), 10)[0]
    assert refused(tried, 105, 100 * SECOND, NOW, dry=False).accepted == pytest.approx(
        1.05 / SECOND
    )
    assert refused(tried, 200, 100 * SECOND, NOW, dry=False).accepted == tried.rate


def test_a_rate_that_held_on_savings_falls_to_what_was_let_in() -> None:
    """Calls that a bucket had saved up let too high a rate hold."""
    tried = kept_up(learned(2 / SECOND, 0.1, NOW), 10)[0]
    assert refused(tried, 25, 25 * SECOND, NOW, dry=False).accepted == pytest.approx(1 / SECOND)


def test_a_held_rate_that_is_refused_falls_to_what_was_let_in() -> None:
    held = learned(1 / SECOND, 0.01, NOW)
    after = refused(held, 50, 52 * SECOND, NOW, dry=False)
    assert after.accepted == held.accepted * 50 / 51
    assert after.step == 1 / 51
    assert refused(held, 99, 100 * SECOND, NOW, dry=False).accepted == pytest.approx(0.99 / SECOND)


def test_after_a_backoff_little_is_believed() -> None:
    """The first estimate may be the bucket's burst: what was let in since it was dry is not."""
    guess = learned(35 / SECOND, 0.02, NOW)
    assert refused(guess, 1, SECOND, NOW, dry=True).accepted == 1 / SECOND
    tried = kept_up(guess, 50)[0]
    assert refused(tried, 1, SECOND, NOW, dry=True).accepted == 1 / SECOND


# ---- after a backoff


def cycle(admitted: int, good_ms: int, backoff_ms: int, unsure_ms: int = 0) -> Cycle:
    return Cycle(admitted, good_ms + backoff_ms, backoff_ms, unsure_ms)


def test_a_window_lets_in_cycle_for_cycle_what_it_is_for() -> None:
    rate = resumed(None, cycle(60, 2 * SECOND, 58 * SECOND), NOW, first=True)
    assert rate.rate == 1 / SECOND
    assert rate.step == 1 / 61
    assert rate.span == 58 * SECOND


def test_of_a_wait_that_was_a_guess_half_is_taken_off() -> None:
    rate = resumed(None, cycle(60, 2 * SECOND, 68 * SECOND, 10 * SECOND), NOW, first=True)
    assert rate.rate == pytest.approx(60 / 65_000)
    assert rate.step == pytest.approx(5 / 70)


def test_a_known_rate_falls_to_what_a_cycle_let_in_and_half_the_way_is_tried_back() -> None:
    known = learned(1.1 / SECOND, 0.01, NOW - 58 * SECOND, span=58 * SECOND)
    rate = resumed(known, cycle(60, 55 * SECOND, 5 * SECOND), NOW, first=False)
    assert rate.rate == 1 / SECOND
    assert rate.step == pytest.approx(0.05)
    assert rate.span == 58 * SECOND


def test_a_known_rate_never_rises_by_a_backoff() -> None:
    known = learned(1 / SECOND, 0.01, NOW - 10 * SECOND)
    assert resumed(known, cycle(60, 2 * SECOND, 4 * SECOND), NOW, first=False).rate == known.rate


def test_a_backoff_longer_than_what_went_before_it_lengthens_the_steps() -> None:
    known = learned(1 / SECOND, 0.01, NOW - 40 * SECOND, span=10 * SECOND)
    assert resumed(known, cycle(20, 10 * SECOND, 30 * SECOND), NOW, first=False).span == 30_000


def test_a_rate_that_was_kept_up_for_long_keeps_three_quarters() -> None:
    known = learned(1 / SECOND, 0.01, NOW - 900 * SECOND)
    rate = resumed(known, cycle(50, 50 * SECOND, 50 * SECOND), NOW, first=False)
    assert rate.rate == 0.75 / SECOND


@pytest.mark.parametrize(
    ("good_s", "backoff_s", "known", "first", "outage"),
    [
        (300, 20, False, True, True),  # it went well for long
        (30, 20, False, False, True),
        (30, 20, True, True, True),
        (30, 20, True, False, False),  # again: a window
        (300, 20, True, True, False),  # it costs little to think so
        (5, 50, False, True, False),  # used up in a moment
        (10, 1, False, True, True),
        (10, 1, True, True, False),
        (1, 1, False, True, False),  # so short is a limit of the rate
        (5, 80, True, False, True),  # longer than a minute's window
    ],
)
def test_outages_are_told_from_windows(
    good_s: int, backoff_s: int, *, known: bool, first: bool, outage: bool
) -> None:
    before = learned(100.0, 0.01, NOW - (good_s + backoff_s) * SECOND) if known else None
    lasted = cycle(100 * good_s, good_s * SECOND, backoff_s * SECOND)
    rate = resumed(before, lasted, NOW, first=first)
    half = 100 / SECOND / 2
    assert (rate.step == 1.0 and rate.rate == pytest.approx(half)) is outage


@given(
    st.floats(1e-9, 1e3),
    st.floats(0, 1e9),
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(1, 10**7), st.booleans(), st.booleans()),
        max_size=30,
    ),
)
def test_the_rate_stays_a_rate(
    rate: float, step: float, events: list[tuple[int, int, bool, bool]]
) -> None:
    """Whatever happens, what held is not above what is tried, and time goes on."""
    now, state = NOW, learned(rate, step, NOW)
    for number, ms, refusal, dry in events:
        now = max(now + ms, math.ceil(state.next_at))
        if refusal:
            state = refused(state, number, ms, now, dry=dry)
        else:
            state = started(state, min(number, room(state, now)), now, bound=True)
        assert LEAST_RATE <= state.accepted <= state.rate < math.inf
        assert 0 < state.step <= 1
        assert now <= state.next_at + 20
