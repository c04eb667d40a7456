"""Estimates an account's credits: the balance, its frozen part, and the next expiry.

It computes from stored balance samples and makes no requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import grants
from runner.core.grants import Expiry
from runner.core.prices import learned_prices
from runner.core.route import Route
from runner.core.time_units import DAY_MS
from runner.core.window import CREDIT, Source, Unit, Window
from runner.providers.account import Account
from runner.store import balances

PublishedPrices = Mapping[str, Mapping[str, float]]
"""The credits of a call that providers have published, by account and model."""


@dataclass(frozen=True, slots=True)
class Credits:
    """An account's last reported balance, less the cost of calls made since.

    Amounts are in thousandths of a credit.

    Attributes:
        at: The time of the balance sample (ms since the epoch).
        available: The credits that may be spent.
        frozen: The credits reserved for calls in flight.
        since: The cost of our calls since the sample.
        expiring: The estimated next expiry; None if none is known.
    """

    at: int
    available: int
    frozen: int
    since: int
    expiring: Expiry | None


@dataclass(frozen=True, slots=True)
class Purchase:
    """What the credits of an account pay for on one route. Amounts are in thousandths of a credit.

    Attributes:
        amount: The credits that may be spent; None if no balance is known.
        daily: The daily grant, which requires a login.
        price: The price of a call.
        price_known: Whether the price is known, not assumed.
        rows_a_call: The maximum number of rows in a call.
    """

    account: str
    model: str
    amount: int | None
    daily: int
    price: int
    price_known: bool
    rows_a_call: int

    @property
    def calls(self) -> int:
        """The number of affordable calls; with an unknown balance, those of a daily grant."""
        amount = self.daily if self.amount is None else self.amount
        return amount // self.price if self.price else 0

    @property
    def rows(self) -> int:
        """The maximum number of rows in those calls."""
        return self.calls * self.rows_a_call


def purchases_of(
    windows: Mapping[Route, tuple[Window, ...]],
    accounts: Sequence[Account],
    rows_a_call: int,
) -> tuple[Purchase, ...]:
    """Returns what the credits pay for on each route that consumes or may consume credits."""
    purchases = []
    for (name, model), own in windows.items():
        account = next(candidate for candidate in accounts if candidate.name == name)
        credit = next((window for window in own if window.unit is Unit.CREDITS), None)
        counted = any(w.limit_source is Source.HEADER and w.unit is Unit.CALLS for w in own)
        if credit is None or not account.daily_grant or (credit.limit is None and counted):
            continue
        price = credit.cost_of(account.cost(model, 0))
        known, daily, left = account.knows_price(model), account.daily_grant, credit.remaining
        purchases.append(Purchase(name, model, left, daily, price, known, rows_a_call))
    return tuple(purchases)


async def priced(
    connection: AsyncConnection, account: Account, published: Mapping[str, float], now: int
) -> Account:
    """Returns `account` with all prices that are known.

    Configured prices override those learned from its balances, which override the `published`.
    """
    if account.credits is None:
        return account
    since = now - 3 * DAY_MS
    seen = await balances.since(connection, account.name, since)
    calls = await balances.answered_calls(connection, account.name, since) if seen else []
    learned = learned_prices((each.sample for each in seen), calls)
    prices = {model: price / CREDIT for model, price in learned.items()}
    return replace(account, prices={**published, **prices, **account.prices})


async def credits_of(
    connection: AsyncConnection, account: Account, window: Window, now: int
) -> Credits | None:
    """Returns the credits of `account`; None if it has no balance sample.

    `window` is the window of its credits.
    """
    last = await balances.latest(connection, account.name)
    if last is None:
        return None
    terms = account.preset.grants
    longest = max((term.lasts_ms for term in terms), default=0)
    seen = await balances.since(connection, account.name, now - longest - DAY_MS) or [last]
    granted = grants.infer((each.sample for each in seen), terms)
    since = max(0, window.spent - last.counted)
    frozen = min(last.frozen, window.reserved) if since else last.frozen
    available = max(0, last.available + last.frozen - since - frozen)
    expiring = grants.expiring(grants.spent(granted, since), now)
    return Credits(last.until, available, frozen, since, expiring)
