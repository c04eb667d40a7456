"""How many calls may be in flight."""

from hypothesis import given
from hypothesis import strategies as st

from runner.core.concurrency import Concurrency, answered, throttled


def after(state: Concurrency, answers: int) -> Concurrency:
    for _ in range(answers):
        state = answered(state)
    return state


def test_one_more_is_allowed_after_as_many_answers_as_were_allowed() -> None:
    assert after(Concurrency(2), 1) == Concurrency(2, streak=1)
    assert after(Concurrency(2), 2) == Concurrency(3)
    assert after(Concurrency(2), 2 + 3 + 4).allowed == 5


def test_growth_ends_at_the_ceiling() -> None:
    assert after(Concurrency(1, ceiling=3), 100).allowed == 3


def test_a_throttle_halves_and_starts_counting_anew() -> None:
    assert throttled(Concurrency(9, streak=5)) == Concurrency(4)


def test_one_call_is_always_allowed() -> None:
    assert throttled(throttled(Concurrency(2))).allowed == 1


@given(st.integers(1, 8), st.lists(st.booleans(), max_size=60))
def test_it_stays_between_one_and_the_ceiling(ceiling: int, answers: list[bool]) -> None:
    state = Concurrency(1, ceiling)
    for good in answers:
        state = answered(state) if good else throttled(state)
        assert 1 <= state.allowed <= ceiling
