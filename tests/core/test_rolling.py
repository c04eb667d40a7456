"""What comes back by itself: a sliding sum, and a bucket that drips."""

from hypothesis import given
from hypothesis import strategies as st

from runner.core.rolling import (
    GRAIN_MS,
    Amounts,
    add,
    drop_oldest,
    leaked,
    time_until_at_most,
    total,
    within,
)

MINUTE = 60_000
entries = st.lists(st.tuples(st.integers(0, 3 * MINUTE), st.integers(1, 50)), max_size=60).map(
    sorted
)


def told(found: list[tuple[int, int]]) -> Amounts:
    recent: Amounts = ()
    for moment, amount in found:
        recent = add(recent, moment, amount)
    return recent


@given(entries, st.integers(0, 4 * MINUTE))
def test_it_counts_at_least_what_was_spent_and_only_a_grain_longer(
    found: list[tuple[int, int]], now: int
) -> None:
    held = total(within(told(found), now - MINUTE))
    truth = sum(amount for moment, amount in found if moment > now - MINUTE)
    longer = sum(amount for moment, amount in found if moment > now - MINUTE - GRAIN_MS)
    assert truth <= held <= longer


@given(entries)
def test_it_stays_small_however_much_was_spent(found: list[tuple[int, int]]) -> None:
    assert len(told(found)) <= 3 * MINUTE // GRAIN_MS + 1


@given(entries, st.integers(0, 400))
def test_the_moment_it_names_is_the_first_with_room(
    found: list[tuple[int, int]], bound: int
) -> None:
    recent = told(found)
    moment = time_until_at_most(recent, bound, MINUTE)
    if moment is not None:
        assert total(within(recent, moment - MINUTE)) <= bound
        assert total(recent) <= bound or total(within(recent, moment - MINUTE - 1)) > bound


def test_nothing_falls_below_nothing() -> None:
    assert time_until_at_most(((5, 1),), -1, MINUTE) is None
    assert time_until_at_most((), 0, MINUTE) is None


def test_what_is_taken_back_counts_no_more() -> None:
    assert add((), 0, 0) == ()
    assert total(add(told([(0, 5)]), 0, -5)) == 0


@given(st.integers(0, 500), st.integers(1, 300), st.lists(st.integers(0, MINUTE), max_size=30))
def test_dripping_often_gives_what_dripping_once_gives(
    spent: int, limit: int, pauses: list[int]
) -> None:
    """However often one looks, no drop is lost, and none comes early."""
    left, exact, now = spent, 0, 0
    for pause in pauses:
        now += pause
        left, exact = leaked(left, exact, limit, MINUTE, now)
    once, _ = leaked(spent, 0, limit, MINUTE, now)
    assert once <= left <= once + 1


@given(entries, st.integers(0, 400))
def test_what_has_fallen_out_of_sight_is_the_oldest(found: list[tuple[int, int]], by: int) -> None:
    recent = told(found)
    left = drop_oldest(recent, by)
    assert total(left) == max(0, total(recent) - by)
    assert all(amount > 0 for _, amount in left)
    assert left[1:] == recent[len(recent) - len(left) + 1 :]
