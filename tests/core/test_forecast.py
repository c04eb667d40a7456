"""When a batch will be done."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.calendar import NEVER, day_at
from runner.core.demand import Rules
from runner.core.forecast import Forecast, bounded, forecast
from runner.core.gate import Gate, ParkReason
from runner.core.hours import read_hours
from runner.core.pacing import SAFETY_MS, Pace
from runner.core.period import Calendar, Grant, Rolling
from runner.core.route import Route, RouteState
from runner.core.verdict import Scope
from runner.core.window import Quota, Unit, Window, open_window

ZONE = "Asia/Shanghai"
DAILY = Calendar("day", ZONE)
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
HOUR = 3_600_000
DAY = 24 * HOUR
NOW = MIDNIGHT + 9 * HOUR
ASAP = Rules(Pace.ASAP)


QWEN, GLM, OTHER = ("mine", "qwen"), ("mine", "glm"), ("yours", "qwen")


def window(limit: int | None, spent: int = 0, model: str = "", reserve: int = 0) -> Window:
    scope = Scope.MODEL if model else Scope.ACCOUNT
    quota = Quota("day", scope, limit, DAILY, reserve=reserve)
    return replace(open_window(quota, "mine", model, NOW), spent=spent)


def lanes_of(windows: Mapping[Route, Sequence[Window]]) -> dict[Route, RouteState]:
    """RouteStates of which nothing but their windows is known."""
    return {route: RouteState(tuple(found)) for route, found in windows.items()}


def told(calls: int, *windows: Window, rules: Rules = ASAP, now: int = NOW) -> Forecast:
    return forecast(calls, lanes_of({QWEN: windows}), rules, now, 1_000)


def foretell(
    calls: int,
    limit: int | None = 100,
    spent: int = 0,
    pace: Pace = Pace.ASAP,
    now: int = NOW,
    call_ms: int = 1_000,
) -> Forecast:
    states = lanes_of({QWEN: [window(limit, spent)]})
    return forecast(calls, states, Rules(pace), now, call_ms)


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


def test_the_least_of_account_and_model_decides() -> None:
    of_both = told(300, window(2_000, spent=1_950), window(200, spent=20, model="qwen"))
    assert (of_both.today, of_both.per_day, of_both.days) == (50, 200, 3)


def test_the_users_reserve_is_left_alone_on_every_day() -> None:
    kept = told(140, window(100, reserve=30))
    assert (kept.today, kept.per_day, kept.days) == (70, 70, 2)


def test_a_reserve_that_leaves_nothing_means_never() -> None:
    never = told(5, window(10, reserve=10))
    assert never == Forecast(5, 0, NOW, 0, 0)
    assert never.finishes_at is None
    assert bounded(never, 3, 10, NOW + DAY) == never, "a limit by the day makes nothing possible"


def test_a_forecast_has_an_end_only_if_every_call_can_be_made() -> None:
    assert foretell(40).finishes_at == NOW + 40_000
    assert foretell(0).finishes_at == NOW
    capped = forecast(300, lanes_of({QWEN: [window(100)]}), ASAP, NOW, 1_000, most=7)
    assert (capped.finishes_at, capped.finish_at) == (None, NOW + 7_000)
    assert replace(foretell(40), finish_at=NEVER).finishes_at is None


def test_models_of_an_account_add_up_to_its_own_limit() -> None:
    """Ten models of 200 under an account of 1,500 make 1,500 a day."""
    states = lanes_of(
        {("mine", f"m{n}"): [window(1_500), window(200, model=f"m{n}")] for n in range(10)}
    )
    found = forecast(4_000, states, ASAP, NOW, 1_000)
    assert (found.today, found.per_day, found.days) == (1_500, 1_500, 3)
    assert found.finish_at == MIDNIGHT + 2 * DAY + 1_000_000


def test_the_preferred_model_is_used_up_first() -> None:
    states = lanes_of(
        {QWEN: [window(100), window(60, model="qwen")], GLM: [window(100), window(60, model="glm")]}
    )
    assert forecast(130, states, ASAP, NOW, 1_000).days == 2


def test_a_month_that_is_spent_waits_for_the_next() -> None:
    """Thirty calls a month, ten of them left; the first of next month is the eighth day."""
    monthly = Quota("month", Scope.ACCOUNT, 30, Calendar("month", ZONE))
    month = replace(open_window(monthly, "mine", "", NOW), spent=20)
    found = told(35, month, window(100, model="qwen"))
    assert (found.days, found.finish_at) == (2, month.resets_at + 25_000)


def test_a_limit_a_minute_sets_the_speed() -> None:
    minute = open_window(Quota("minute", Scope.ACCOUNT, 6, Rolling(60_000)), "mine", "", NOW)
    assert told(30, minute, window(100, model="qwen")).finish_at == NOW + 300_000


def test_what_no_balance_covers_has_no_day() -> None:
    """Two accounts with credits for 12 and for 3 calls; a third that counts none covers all."""

    def purse(account: str, left: int) -> Window:
        rule = Quota("credits", Scope.ACCOUNT, left, Grant(), unit=Unit.CREDITS)
        return open_window(rule, account, "", NOW)

    states = lanes_of(
        {QWEN: [window(100), purse("mine", 12)], OTHER: [window(100), purse("yours", 3)]}
    )
    states = {
        route: replace(state, cost={Unit.CALLS: 1, Unit.CREDITS: 1})
        for route, state in states.items()
    }
    found = forecast(20, states, ASAP, NOW, 1_000)
    assert (found.calls, found.beyond, found.finish_at) == (20, 5, NOW + 15_000)
    free = lanes_of({("free", "qwen"): [window(100)]})
    assert forecast(20, states | free, ASAP, NOW, 1_000).beyond == 0


def test_no_more_calls_are_foretold_than_the_user_allows() -> None:
    states = lanes_of({QWEN: [window(100)]})
    capped = forecast(300, states, ASAP, NOW, 1_000, most=7)
    assert (capped.calls, capped.beyond, capped.finish_at) == (300, 293, NOW + 7_000)


def test_only_the_users_hours_count() -> None:
    """From 08:00 to 10:00 it is nine now: 3,600 calls of a second today, the rest tomorrow."""
    hours = read_hours("08:00-10:00", ZoneInfo(ZONE))
    found = told(4_000, window(5_000), rules=Rules(Pace.ASAP, hours))
    assert (found.days, found.finish_at) == (2, MIDNIGHT + DAY + 8 * HOUR + 400_000)


def test_a_batch_of_years_is_reckoned_from_its_first_months() -> None:
    found = foretell(1_000_000, limit=100)
    assert found.days == pytest.approx(10_000, rel=0.01)
    assert found.finish_at == pytest.approx(NOW + 10_000 * DAY, rel=0.01)


def test_an_even_pace_takes_its_share_of_the_day() -> None:
    time_left = 15 * HOUR - SAFETY_MS
    assert foretell(50, pace=Pace.EVEN).finish_at == NOW + time_left // 2


def test_calls_that_cannot_be_made_before_midnight_are_tomorrows() -> None:
    """Ten seconds before the reset, ten calls of a second each still start."""
    told = foretell(100, now=MIDNIGHT + DAY - 10_000)
    assert (told.days, told.finish_at) == (2, MIDNIGHT + DAY + 90_000)


def naive(calls: int, room: int, limit: int, now: int, call_ms: int) -> tuple[int, int]:
    """Days and finish, counted call by call and day by day."""
    days, finish, parked_until = 0, now, now
    while calls:
        moment, ends_at = parked_until, day_at(parked_until, ZONE).ends_at
        began = False
        while calls and room and moment < ends_at:
            calls, room, began = calls - 1, room - 1, True
            moment = finish = moment + call_ms
        days, parked_until, room = days + began, ends_at, limit
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


def test_a_day_that_is_shut_till_its_reset_has_no_room_whatever_it_counts() -> None:
    """Its limit was never learned: the provider only says that it is spent."""
    day = window(500, spent=12)
    found = told(28, replace(day, gate=Gate(day.resets_at, reason=ParkReason.SPENT)))
    assert (found.today, found.days) == (0, 1)
    assert found.finish_at == day.resets_at + 28_000
    soon = told(28, replace(day, gate=Gate(NOW + 5_000, reason=ParkReason.THROTTLED)))
    assert soon.finish_at == NOW + 28_000
    unknown = window(None, spent=12)
    parked = replace(unknown, gate=Gate(unknown.resets_at, reason=ParkReason.SPENT))
    assert told(28, parked).finish_at == NOW + 28_000, "what is not known is not reckoned with"


def test_a_bound_by_the_day_puts_the_end_off_and_never_forward() -> None:
    found = Forecast(25, 1, NOW + 5, per_day=100, today=100)
    assert bounded(found, 25, 10, NOW + DAY) == found
    assert bounded(found, 10, 10, NOW + DAY) == replace(found, days=3, finish_at=NOW + 2 * DAY)
    assert bounded(found, -3, 10, NOW + DAY) == replace(found, days=3, finish_at=NOW + 3 * DAY)
    late = replace(found, days=9, finish_at=NOW + 9 * DAY)
    assert bounded(late, 10, 10, NOW + DAY) == late
