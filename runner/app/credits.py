"""What is known of an account's credits: the balance, its frozen part, what expires by when.

It reads what was seen of the balance; it asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import grants
from runner.core.grants import Expiry
from runner.core.prices import learned_prices
from runner.core.route import Route
from runner.core.window import CREDIT, Source, Unit, Window
from runner.providers.account import Account
from runner.store import balances

DAY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Credits:
    """An account's balance as it was told, less what our calls have cost since.

    Amounts are in thousandths of a credit.

    Attributes:
        at: When the provider told it (ms since the epoch).
        available: What may be spent.
        frozen: What is held for calls in flight.
        since: What our calls have cost since it was told.
        expiring: An estimate of what expires next; None: nothing is known to expire.
    """

    at: int
    available: int
    frozen: int
    since: int
    expiring: Expiry | None


@dataclass(frozen=True, slots=True)
class Purchase:
    """What the credits of an account pay for by one route. Amounts are in thousandths.

    Attributes:
        amount: What may be spent; None: nobody has seen a balance yet.
        daily: What is granted each day, if somebody logs in.
        price: What a call costs, as far as is known.
        rows_a_call: How many rows a call asks at most.
    """

    account: str
    model: str
    amount: int | None
    daily: int
    price: int
    rows_a_call: int

    @property
    def calls(self) -> int:
        """How many calls that is; of a day's grant, if no balance is known."""
        amount = self.daily if self.amount is None else self.amount
        return amount // self.price if self.price else 0

    @property
    def rows(self) -> int:
        """How many rows those ask at most."""
        return self.calls * self.rows_a_call


def purchases_of(
    windows: Mapping[Route, tuple[Window, ...]],
    accounts: Sequence[Account],
    rows_a_call: int,
) -> tuple[Purchase, ...]:
    """What credits pay for by each route on which they are counted, or may be."""
    found = []
    for (name, model), own in windows.items():
        account = next(one for one in accounts if one.name == name)
        credit = next((window for window in own if window.unit is Unit.CREDITS), None)
        counted = any(w.limit_source is Source.HEADER and w.unit is Unit.CALLS for w in own)
        if credit is None or not account.daily_grant or (credit.limit is None and counted):
            continue
        price = credit.cost_of(account.cost(model, 0))
        left = credit.remaining
        found.append(Purchase(name, model, left, account.daily_grant, price, rows_a_call))
    return tuple(found)


async def priced(connection: AsyncConnection, account: Account, now: int) -> Account:
    """`account` with the prices that its balances have shown; the configured ones go before."""
    if account.credits is None:
        return account
    since = now - 3 * DAY_MS
    seen = await balances.since(connection, account.name, since)
    calls = await balances.answered_calls(connection, account.name, since) if seen else []
    learned = learned_prices((each.sample for each in seen), calls)
    prices = {model: price / CREDIT for model, price in learned.items()}
    return replace(account, prices=prices | dict(account.prices))


async def credits_of(
    connection: AsyncConnection, account: Account, window: Window, now: int
) -> Credits | None:
    """The credits of `account`, whose window of credits is `window`; None if nobody has looked."""
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
