"""Credits: which are spent first, which are gone, which come back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from runner.simulator import SimulatorConfig
from runner.simulator.credits import CreditAccounts, CreditBalance

BEIJING = timezone(timedelta(hours=8))
MIDNIGHT = int(datetime(2026, 11, 20, tzinfo=BEIJING).timestamp() * 1000)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NOON = MIDNIGHT + 12 * HOUR_MS


def credit_accounts(credits_: float = 0, **settings: Any) -> CreditAccounts:
    return CreditAccounts(SimulatorConfig(credits=credits_, **settings))


def pay(made: CreditAccounts, now_ms: int, calls: int = 1, model: str = "m") -> None:
    for _ in range(calls):
        made.release(made.hold("a", model, now_ms), refund=False)


def available(made: CreditAccounts, now_ms: int) -> float:
    return made.balance("a", now_ms).available


def test_every_account_has_its_grant_at_any_moment_of_the_day() -> None:
    made = credit_accounts(250)
    seen = [available(made, MIDNIGHT + ms) for ms in (-1, 0, DAY_MS - 1, DAY_MS)]
    assert seen == [250] * 4
    assert made.balance("b", NOON) == CreditBalance(250, 0)


@pytest.mark.parametrize("late_s", [0, 90])
def test_what_is_left_of_a_day_expires_as_the_next_is_granted(late_s: int) -> None:
    made, midnight = credit_accounts(5, reset_late_s=late_s), MIDNIGHT + late_s * 1000
    pay(made, midnight, 3)
    seen = [available(made, midnight + ms) for ms in (0, DAY_MS - 1, DAY_MS, 9 * DAY_MS)]
    assert seen == [2, 2, 5, 5]


def test_the_grants_day_is_utc_8_whatever_the_quotas_zone() -> None:
    made = credit_accounts(5, zone="America/Los_Angeles")
    pay(made, MIDNIGHT - 1, 5)
    assert [available(made, MIDNIGHT + ms) for ms in (-1, 0)] == [0, 5]


def test_the_earliest_to_expire_are_spent_first_in_whatever_order_they_came() -> None:
    made = credit_accounts(0)
    for hours, amount in ((9, 30), (1, 1), (5, 20)):
        made.grant("a", amount, NOON, hours * HOUR_MS)
    pay(made, NOON, 11)  # the 1 that expires first, then 10 of the 20
    at = [available(made, NOON + hours * HOUR_MS) for hours in (0, 1, 5, 9)]
    assert at == [40, 40, 30, 0]


def test_a_grant_is_gone_at_the_millisecond_it_expires() -> None:
    made = credit_accounts(0)
    made.grant("a", 7, NOON, 1000)
    assert [available(made, NOON + ms) for ms in (999, 1000)] == [7, 0]


def test_without_a_login_there_is_only_what_was_granted_and_to_whom() -> None:
    made = credit_accounts(250, credits_need_login=True)
    made.grant("a", 3, NOON, DAY_MS)
    assert (available(made, NOON), made.balance("b", NOON).available) == (3, 0)


def test_the_price_of_a_call_in_flight_is_frozen_until_it_ends() -> None:
    made = credit_accounts(10, prices={"m": 2})
    hold = made.hold("a", "m", NOON)
    assert made.balance("a", NOON) == CreditBalance(8, 2)
    assert made.balance("b", NOON) == CreditBalance(10, 0)
    made.release(hold, refund=False)
    assert made.balance("a", NOON) == CreditBalance(8, 0)


def test_a_refund_goes_back_to_the_grants_it_came_from() -> None:
    made = credit_accounts(0, prices={"m": 3})
    made.grant("a", 2, NOON, 1000)
    made.grant("a", 2, NOON, 5000)
    made.release(made.hold("a", "m", NOON), refund=True)
    assert [available(made, NOON + ms) for ms in (0, 1000, 5000)] == [4, 2, 0]


def test_a_refund_to_a_grant_that_has_expired_is_lost() -> None:
    made = credit_accounts(5)
    hold = made.hold("a", "m", MIDNIGHT + DAY_MS - 1)
    assert available(made, MIDNIGHT + DAY_MS) == 5
    made.release(hold, refund=True)
    assert made.balance("a", MIDNIGHT + DAY_MS) == CreditBalance(5, 0)


def test_tenths_of_a_credit_add_up() -> None:
    made = credit_accounts(1, prices={"m": 0.1})
    pay(made, NOON, 9)
    assert made.can_pay("a", "m", NOON)
    pay(made, NOON)
    assert (made.can_pay("a", "m", NOON), available(made, NOON)) == (False, 0)


@pytest.mark.parametrize(("price", "affordable"), [(0, True), (0.5, True), (1, True), (2, False)])
def test_a_balance_has_to_cover_the_price_and_no_more(price: float, *, affordable: bool) -> None:
    assert credit_accounts(1, prices={"m": price}).can_pay("a", "m", NOON) == affordable
