"""When a batch will be done."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.calendar import day_at
from runner.core.forecast import Forecast, forecast
from runner.core.pacing import SAFETY_MS, Pace
from runner.core.quota import Quota, Window, open_window
from runner.core.verdict import Scope

ZONE = "Asia/Shanghai"
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
HOUR = 3_600_000
DAY = 24 * HOUR
NOW = MIDNIGHT + 9 * HOUR


def rule(limit: int | None, scope: Scope = Scope.ACCOUNT, reserve: int = 0) -> Quota:
    return Quota("day", scope, limit, ZONE, reserve=reserve)


def window(quota: Quota, spent: int = 0) -> Window:
    return replace(open_window(quota, "mine", "qwen", NOW), spent=spent)


def foretell(
    calls: int,
    limit: int | None = 100,
    spent: int | None = 0,
    pace: Pace = Pace.ASAP,
    now: int = NOW,
    call_ms: int = 1_000,
) -> Forecast:
    quota = rule(limit)
    windows = [] if spent is None else [window(quota, spent)]
    return forecast(calls, [quota], windows, pace, now, call_ms)


def test_what_fits_today_ends_today() -> None:
    assert foretell(40) == Forecast(40, 1, NOW + 40_000, per_day=100, today=100)


def test_what_does_not_fit_ends_on_a_later_day() -> None:
    expected = Forecast(250, 4, MIDNIGHT + 3 * DAY + 40_000, per_day=100, today=10)
    assert foretell(250, spent=90) == expected


def test_a_day_that_is_spent_already_is_none_of_the_batchs() -> None:
    assert foretell(100, spent=100) == Forecast(100, 1, MIDNIGHT + DAY + 100_000, 100, 0)


def test_nothing_to_do_takes_no_day() -> None:
    assert foretell(0) == Forecast(0, 0, NOW, 100, 100)


def test_without_a_known_limit_everything_goes_today() -> None:
    assert foretell(9_000, limit=None) == Forecast(9_000, 1, NOW + 9_000_000, None, None)
    assert forecast(3, [], [], Pace.AUTO, NOW, 1_000) == Forecast(3, 1, NOW + 3_000, None, None)


def test_a_rule_without_a_window_counts_as_untouched() -> None:
    assert foretell(40, spent=None).today == 100


def test_a_models_rule_without_a_window_bounds_today_too() -> None:
    """The account was used today, the model not yet."""
    account, model = rule(2_000), rule(200, Scope.MODEL)
    told = forecast(300, [account, model], [window(account, spent=50)], Pace.ASAP, NOW)
    assert (told.today, told.per_day, told.days) == (200, 200, 2)


def test_the_least_of_account_and_model_decides() -> None:
    account, model = rule(2_000), rule(200, Scope.MODEL)
    windows = [window(account, spent=1_950), window(model, spent=20)]
    told = forecast(300, [account, model], windows, Pace.ASAP, NOW)
    assert (told.today, told.per_day, told.days) == (50, 200, 3)


def test_a_learned_limit_outranks_the_rule() -> None:
    learned = replace(window(rule(2_000)), limit=500)
    assert forecast(501, [rule(2_000)], [learned], Pace.ASAP, NOW).days == 2


def test_the_users_reserve_is_left_alone_on_every_day() -> None:
    quota = rule(100, reserve=30)
    told = forecast(140, [quota], [window(quota)], Pace.ASAP, NOW)
    assert (told.today, told.per_day, told.days) == (70, 70, 2)


def test_a_reserve_that_leaves_nothing_means_never() -> None:
    assert forecast(5, [rule(10, reserve=10)], [], Pace.ASAP, NOW) == Forecast(5, 0, NOW, 0, 0)


def test_an_even_pace_takes_its_share_of_the_day() -> None:
    time_left = 15 * HOUR - SAFETY_MS
    assert foretell(50, pace=Pace.EVEN).finish_at == NOW + time_left // 2


def test_calls_that_cannot_be_made_before_midnight_are_tomorrows() -> None:
    """Ten seconds before the reset, ten calls of a second each still start."""
    told = foretell(100, now=MIDNIGHT + DAY - 10_000)
    assert (told.days, told.finish_at) == (2, MIDNIGHT + DAY + 90_000)


def naive(calls: int, room: int, limit: int, now: int, call_ms: int) -> tuple[int, int]:
    """Days and finish, counted call by call and day by day."""
    days, finish, opens_at = 0, now, now
    while calls:
        moment, ends_at = opens_at, day_at(opens_at, ZONE).ends_at
        began = False
        while calls and room and moment < ends_at:
            calls, room, began = calls - 1, room - 1, True
            moment = finish = moment + call_ms
        days, opens_at, room = days + began, ends_at, limit
    return days, finish


@given(
    st.integers(0, 60),
    st.integers(1, 20),
    st.integers(0, 20),
    st.integers(0, DAY - 1),
    st.sampled_from([1, 400, 60_000, HOUR, 5 * HOUR, 30 * HOUR]),
)
def test_it_equals_a_reckoning_call_by_call(
    calls: int, limit: int, spent: int, past_midnight: int, call_ms: int
) -> None:
    now, room = MIDNIGHT + past_midnight, max(0, limit - spent)
    told = foretell(calls, limit, spent, now=now, call_ms=call_ms)
    assert (told.days, told.finish_at) == naive(calls, room, limit, now, call_ms)


@pytest.mark.parametrize("pace", Pace)
@given(
    calls=st.integers(0, 500),
    more=st.integers(0, 200),
    limit=st.integers(1, 90),
    spent=st.integers(0, 90),
    past_midnight=st.integers(0, DAY - 1),
    call_ms=st.sampled_from([1, 375, 60_000, 2 * HOUR]),
)
def test_more_calls_never_end_sooner(
    pace: Pace,
    calls: int,
    more: int,
    limit: int,
    spent: int,
    past_midnight: int,
    call_ms: int,
) -> None:
    now = MIDNIGHT + past_midnight
    few = foretell(calls, limit, spent, pace, now, call_ms)
    many = foretell(calls + more, limit, spent, pace, now, call_ms)
    assert few.finish_at <= many.finish_at
    assert few.days <= many.days
