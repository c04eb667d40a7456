"""How the number of calls that may be in flight is found."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.in_flight import (
    MOST_PATIENCE,
    PATIENCE,
    QUEUE_PATIENCE,
    InFlight,
    answered,
    contradicts,
    is_settling,
    is_sure,
    new,
    refused,
    restarted,
    tried_spread,
    undisturbed,
    without_wall,
)
from runner.core.latency import ENOUGH, Phase

NOW = 1_800_000_000_000


def after(
    f: InFlight, answers: int, ms: Callable[[int], float] = lambda _: 200
) -> tuple[InFlight, list[int]]:
    """After so many answers, one by one; and the number allowed after each."""
    numbers = []
    for _ in range(answers):
        f = answered(f, [NOW - round(ms(f.number))], NOW)
        numbers.append(f.number)
    return f, numbers


def test_the_number_doubles_each_round_trip() -> None:
    assert after(new(1, 256), 1)[0].number == 2
    assert after(new(1, 256), 3)[0].number == 4
    assert after(new(1, 256), 127)[0].number == 128
    assert after(new(3, 256), 3)[0].number == 6


def test_each_answer_lets_one_more_start() -> None:
    assert after(new(4, 256), 5)[1] == [5, 6, 7, 8, 9]


def test_answers_that_came_together_count_alike() -> None:
    together = answered(new(64, 256), [NOW - 200] * 60, NOW)
    assert together.number == after(new(64, 256), 60)[0].number


def test_the_ceiling_is_kept() -> None:
    assert after(new(3, 10), 200)[0].number == 10
    assert new(50, 10).number == 10


def test_a_refusal_leaves_what_was_borne() -> None:
    f = refused(new(8, 256), 4)
    assert (f.number, f.wall) == (4, 5)
    assert refused(new(2, 256), 0).number == 1


def test_the_wall_is_tried_after_64_answers_and_one_more() -> None:
    f = refused(new(8, 256), 4)
    _, numbers = after(f, 100)
    assert set(numbers[: PATIENCE + 3]) == {4}
    assert numbers[PATIENCE + 8 - 1] == 5


def test_a_wall_that_is_met_again_is_tried_less_and_less() -> None:
    f, patience = refused(new(8, 256), 4), []
    for _ in range(7):
        patience.append(f.patience)
        while f.number == 4:
            f, _ = after(f, 1)
        assert f.number == 5
        f = refused(f, 4)
    assert patience == [64, 128, 256, 512, 1_024, MOST_PATIENCE, MOST_PATIENCE]


def test_a_wall_far_away_is_another_one() -> None:
    f = refused(refused(new(8, 256), 4), 4)
    assert f.patience == 128
    assert refused(f, 12).patience == PATIENCE


def test_past_the_wall_it_goes_faster_each_round() -> None:
    """1, 2, 4, ... more; so that four times as much is found in a few round trips."""
    f = refused(new(8, 256), 4)
    _, numbers = after(f, 250)
    assert list(dict.fromkeys(numbers))[:6] == [4, 5, 7, 11, 19, 35]


def test_with_spread_starts_the_number_itself_is_tried_again() -> None:
    f = tried_spread(new(2, 256), 1)
    assert (f.number, f.spread) == (2, True)
    assert refused(f, 1)[:2] == (1.0, 0)
    assert refused(f, 1).patience == PATIENCE  # that is the first time it is met for sure


def test_if_it_holds_spread_it_was_not_the_number() -> None:
    f, _ = after(tried_spread(new(8, 256), 3), 8)
    assert (f.wall, f.spread) == (None, False)
    assert after(f, 20)[0].number > 8


def test_a_refusal_of_fewer_contradicts_a_wall() -> None:
    assert not contradicts(new(8, 256), 1)
    f = refused(refused(new(32, 256), 20), 19)
    assert f.wall == 20
    assert not contradicts(f, 19)
    assert contradicts(f, 18)


def test_the_first_wall_may_turn_out_a_quarter_lower() -> None:
    """Calls that will be refused were still in flight."""
    assert not is_settling(new(32, 256), 3)
    f = refused(new(32, 256), 20)
    assert is_settling(f, 18)
    assert not contradicts(f, 18)
    assert not is_settling(f, 10)
    assert contradicts(f, 10)
    assert not is_settling(refused(f, 18), 17)


def test_a_wall_is_sure_when_it_was_met_twice() -> None:
    f = refused(new(8, 256), 4)
    assert not is_sure(f)
    assert is_sure(refused(f, 4))


def test_without_a_wall_the_number_grows_with_each_answer_again() -> None:
    f = without_wall(refused(new(8, 256), 4))
    assert (f.number, f.wall, f.patience) == (4, None, PATIENCE)
    assert after(f, 4)[0].number == 5


def test_where_nothing_was_ever_let_in_one_is_tried() -> None:
    assert restarted(new(16, 256)).number == 1


def test_a_queue_is_a_wall_that_refuses_nothing() -> None:
    def ms(number: int) -> float:
        return 200 * max(1, number / 4)

    f = new(1, 256)
    while f.wall is None:
        f, _ = after(f, 1, ms)
    assert (f.number, f.wall, f.patience) == (5, 6, QUEUE_PATIENCE)
    _, numbers = after(f, 2_000, ms)
    assert max(numbers) <= 12
    assert sum(number >= 4 for number in numbers) >= 0.97 * len(numbers)
    assert sum(numbers) / len(numbers) < 8


def test_a_refusal_ends_the_search_for_a_queue() -> None:
    def ms(number: int) -> float:
        return 200 * max(1, number / 4)

    f = new(1, 256)
    while f.latency.top is None:
        f, _ = after(f, 1, ms)
    for end in (refused(f, 7), undisturbed(f), restarted(f), tried_spread(f, 3)):
        assert end.latency.top is None


def test_few_answers_leave_the_number_until_more_have_come() -> None:
    """Two calls of very different lengths tell nothing about half as many."""
    f, _ = after(new(4, 4), 40)
    f = f._replace(latency=f.latency._replace(variance=2.0, freedom=200))
    while f.latency.phase is Phase.WATCH:
        f, _ = after(f, 1, lambda _: 20_000)
    f, numbers = after(f, 4 + ENOUGH - 1, lambda _: 20_000)
    assert set(numbers) == {4}
    assert f.latency.phase is Phase.CONFIRM
    assert after(f, 1, lambda _: 20_000)[0].number == 2


def test_prompts_that_take_longer_take_nothing_away() -> None:
    f, _ = after(new(16, 16), 300)
    f, numbers = after(f, 300, lambda _: 2_000)
    assert min(numbers) == 8  # half of them, to see whether it was a queue
    assert f.number == 16


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.lists(
        st.one_of(
            st.tuples(st.just("answered"), st.integers(1, 60), st.integers(0, 100_000)),
            st.tuples(st.just("refused"), st.integers(-5, 300), st.just(0)),
            st.tuples(st.just("spread"), st.integers(0, 20), st.just(0)),
            st.tuples(st.just("other"), st.integers(0, 2), st.just(0)),
        ),
        max_size=60,
    ),
)
def test_at_least_one_and_never_more_than_the_ceiling(
    start: int, ceiling: int, events: list[tuple[str, int, int]]
) -> None:
    f = new(start, ceiling)
    for event, number, ms in events:
        match event:
            case "answered":
                f = answered(f, [NOW - ms] * number, NOW)
            case "refused":
                f = refused(f, min(number, f.number - 1))
            case "spread" if f.number > 1:
                f = tried_spread(f, min(1 + number, f.number - 1))
            case "other":
                f = (without_wall, restarted, undisturbed)[number](f)
        assert 1 <= f.number <= ceiling
        assert f.wall is None or f.wall >= 2
        assert QUEUE_PATIENCE <= f.patience <= MOST_PATIENCE
        assert f.latency.calls >= 1


@pytest.mark.parametrize("number", [1, 2, 7])
def test_a_ceiling_of_few_is_no_obstacle(number: int) -> None:
    f, _ = after(new(number, number), 500)
    assert f.number == number
