"""What credits pay for, until when, and how a balance is supposed to go on."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from runner.core.calendar import day_at
from runner.core.credits import foreseen, of_a_day, regranted
from runner.core.demand import Demand, Rules
from runner.core.forecast import Forecast, forecast
from runner.core.gate import OPEN
from runner.core.grants import BalanceSample, GrantTerms, expiries, infer, last_grant
from runner.core.grants import of_a_day as granted_a_day
from runner.core.hours import read_hours
from runner.core.pacing import SAFETY_MS, Pace, next_before_expiry
from runner.core.period import Calendar, Grant
from runner.core.rolling import Amounts
from runner.core.route import RouteState
from runner.core.selection import Start, State, Wait, decide
from runner.core.time_units import DAY_MS
from runner.core.verdict import Scope
from runner.core.window import CREDIT, Quota, Source, Unit, Window, open_window

HOUR = 3_600_000
NOW = day_at(1_795_500_000_000, "Asia/Shanghai").starts_at + 9 * HOUR
ROUTE = ("mine", "qwen")
DAILY = {"mine": 250 * CREDIT}
RULE = Quota("credits", Scope.ACCOUNT, None, Grant(), unit=Unit.CREDITS, primary=False)
TERMS = (
    GrantTerms(200 * CREDIT, DAY_MS),
    GrantTerms(50 * CREDIT, DAY_MS),
    GrantTerms(None, 90 * DAY_MS),
)
COST = {Unit.CALLS: 1, Unit.CREDITS: CREDIT}


def purse(credits_left: int | None, *ends: tuple[int, int], spent: int = 0) -> Window:
    """A balance; each of `ends` is in how many ms how many credits of it are to be spent."""
    limit = None if credits_left is None else credits_left * CREDIT
    expire: Amounts = tuple((NOW + ms, amount * CREDIT) for ms, amount in ends)
    fresh = open_window(RULE, "mine", "", NOW)
    return replace(
        fresh, limit=limit, limit_source=Source.BALANCE, expiries=expire, spent=spent, gate=OPEN
    )


def told(calls: int, window: Window, rules: Rules | None = None, **more: int) -> Forecast:
    states = {ROUTE: RouteState((window,), cost=COST)}
    return forecast(calls, states, rules or Rules(Pace.ASAP), NOW, 1_000, None, DAILY, **more)


# forecasts


def test_what_the_credits_at_hand_pay_for_needs_no_login() -> None:
    found = told(200, purse(250, (20 * HOUR, 250)))
    assert (found.paid, found.paid_until, found.days) == (250, None, 1)
    assert (found.finish_at, found.today, found.per_day) == (NOW + 200_000, 250, 250)


def test_what_they_do_not_pay_for_waits_for_a_login_when_the_last_grant_has_expired() -> None:
    found = told(700, purse(250, (20 * HOUR, 250)))
    assert (found.paid, found.paid_until) == (250, NOW + 250_000)
    assert (found.beyond, found.days) == (0, 3)
    assert found.finish_at == NOW + 20 * HOUR + DAY_MS + 200_000


def test_credits_that_are_spread_last_until_they_expire() -> None:
    rules = Rules(Pace.AUTO)
    assert told(700, purse(250, (20 * HOUR, 250)), rules).paid_until == NOW + 20 * HOUR
    lasting = told(7_000, purse(250, (20 * HOUR, 100)), rules)
    assert lasting.paid_until == NOW + 20 * HOUR, "what lasts is spent meanwhile"


def test_credits_that_cannot_be_spent_in_time_expire() -> None:
    window = purse(250, (60_000, 250))
    assert told(700, window).paid_until == NOW + 60_000
    assert told(700, replace(window, expiries=((NOW + 60_000, 100 * CREDIT),))).paid_until == (
        NOW + 250_000
    )


def test_without_credits_somebody_is_supposed_to_log_in_at_once() -> None:
    found = told(300, purse(0))
    assert (found.paid, found.paid_until) == (0, NOW)
    assert found.finish_at == NOW + DAY_MS + 50_000


def test_only_the_users_hours_count_for_credits_too() -> None:
    hours = read_hours("08:00-10:00", ZoneInfo("Asia/Shanghai"))
    found = told(9_000, purse(5_000, (20 * HOUR, 10)), Rules(Pace.ASAP, hours))
    assert found.paid_until == NOW + 23 * HOUR + 1_400_000


def test_a_balance_that_nobody_fills_up_covers_what_it_holds() -> None:
    states = {ROUTE: RouteState((purse(40),), cost=COST)}
    found = forecast(100, states, Rules(Pace.ASAP), NOW, 1_000)
    assert (found.beyond, found.paid) == (60, 40)


def test_what_expires_on_the_way_is_not_counted_on() -> None:
    window = purse(300, (HOUR, 50), (20 * HOUR, 300))
    assert regranted(window, NOW + HOUR, 0).remaining == 250 * CREDIT
    assert regranted(window, NOW + HOUR, 0).resets_at == NOW + 20 * HOUR
    later = regranted(window, NOW + 20 * HOUR, 250 * CREDIT)
    assert (later.remaining, later.resets_at) == (250 * CREDIT, NOW + 20 * HOUR + DAY_MS)


def test_of_a_balance_that_nobody_has_seen_nothing_is_foreseen() -> None:
    unseen = purse(None)
    assert foreseen(unseen, NOW, 5) == regranted(unseen, NOW, 5) == of_a_day(unseen, 5) == unseen
    assert told(9_000, unseen).paid is None


# the pace


def test_what_expires_first_sets_the_pace_if_it_is_in_more_of_a_hurry() -> None:
    spread = {"spent": 0, "price": 1, "last_start": NOW, "now": NOW}
    soon, later = (NOW + HOUR, 5), (NOW + 24 * HOUR, 29)
    assert next_before_expiry(expiries=(soon, later), **spread) == NOW + (HOUR - SAFETY_MS) // 6
    assert next_before_expiry(expiries=(soon, (later[0], 999)), **spread) == (
        NOW + (24 * HOUR - SAFETY_MS) // 1_000
    )
    assert next_before_expiry(expiries=(soon,), **(spread | {"spent": 5})) is None


@pytest.mark.parametrize(("calls", "waits"), [(200, False), (2_000, True)])
def test_credits_are_spread_only_if_the_work_does_not_fit_them(calls: int, *, waits: bool) -> None:
    window = replace(purse(250, (20 * HOUR, 250)), last_start_at=NOW)
    state = State({ROUTE: RouteState((window,), cost=COST)})
    decision = decide(state, [Demand(1, (ROUTE,), calls)], NOW)
    assert isinstance(decision, Wait if waits else Start)


def test_what_does_not_expire_is_spent_as_fast_as_it_can_be() -> None:
    window = replace(purse(250, (20 * HOUR, 50), spent=60 * CREDIT), last_start_at=NOW)
    state = State({ROUTE: RouteState((window,), cost=COST)})
    assert isinstance(decide(state, [Demand(1, (ROUTE,), 2_000)], NOW), Start)


# when grants expire


def look(at: int, total: int, charged: int = 0) -> BalanceSample:
    return BalanceSample(NOW + at, NOW + at, total * CREDIT, charged * CREDIT)


def test_the_first_moment_at_which_a_grant_may_end_counts() -> None:
    samples = [look(0, 0), look(HOUR, 250)]
    left = infer(samples, TERMS)
    assert last_grant(samples, TERMS) == NOW + HOUR
    assert expiries(left, last_grant(samples, TERMS), 7) == ((NOW + DAY_MS, 7 + 250 * CREDIT),)


def test_what_was_there_at_the_first_look_may_end_at_once_and_a_login_is_due_within_a_day() -> None:
    samples = [look(0, 100)]
    found = expiries(infer(samples, TERMS), last_grant(samples, TERMS), 0)
    assert found == ((NOW, 100 * CREDIT), (NOW + DAY_MS, 100 * CREDIT))


def test_when_a_grant_is_spent_the_next_login_is_still_known() -> None:
    samples = [look(0, 0), look(HOUR, 50), look(2 * HOUR, 0, 50)]
    found = expiries(infer(samples, TERMS), last_grant(samples, TERMS), 50)
    assert found == ((NOW + HOUR + DAY_MS, 50),)


def test_calls_that_cost_less_than_they_were_taken_to_are_no_grant() -> None:
    samples = [look(0, 0), look(HOUR, 250), look(2 * HOUR, 200, 100)]
    assert last_grant(samples, TERMS) == NOW + HOUR
    assert {each.by for each in infer(samples, TERMS)} == {NOW + HOUR}


def test_what_lasts_does_not_expire_and_what_ends_with_the_day_is_a_days_grant() -> None:
    assert expiries(infer([look(0, 900)], TERMS), None, 0) == ((NOW, 250 * CREDIT),)
    old = [look(0, 250), look(HOUR, 0, 250), look(2 * HOUR, 900)]
    granted = NOW + HOUR + DAY_MS
    assert expiries(infer(old, TERMS), NOW + 2 * HOUR, 0) == ((granted, 250 * CREDIT),)
    assert expiries(infer([look(0, 900)], TERMS[:1]), None, 0) == ((NOW, 200 * CREDIT),)
    assert expiries((), None, 0) == ()
    assert granted_a_day(TERMS) == 250 * CREDIT
    assert last_grant([], TERMS) is None


# which regime an account is in


def regime(calls: Window, balance: Window) -> tuple[int | None, int | None]:
    """The limits of calls and credits that bind."""
    from runner.core.renewal import without_superseded_limits

    first, second = without_superseded_limits((calls, balance))
    return first.limit, second.limit


def test_an_account_whose_replies_tell_of_calls_counts_calls_and_no_credits() -> None:
    rule = Quota("day", Scope.ACCOUNT, 2_000, Calendar("day", "Asia/Shanghai"))
    published = open_window(rule, "mine", "", NOW)
    headers = replace(published, limit_source=Source.HEADER)
    assert regime(published, purse(0)) == (None, 0)
    assert regime(headers, purse(0)) == (2_000, None)
    silent = replace(headers, unconfirmed=((NOW, 10),))
    assert regime(silent, purse(0)) == (2_000, 0), "its replies tell of them no more"


def test_a_call_that_was_refused_for_credits_shows_that_they_are_counted() -> None:
    from runner.core.gate import ParkReason

    rule = Quota("day", Scope.ACCOUNT, 2_000, Calendar("day", "Asia/Shanghai"))
    headers = replace(open_window(rule, "mine", "", NOW), limit_source=Source.HEADER)
    refused = replace(purse(0), gate=replace(OPEN, reason=ParkReason.SPENT))
    assert regime(headers, refused) == (2_000, 0)
