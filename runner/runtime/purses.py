"""The credits of the accounts: asked for at no cost, and written down.

It knows when to ask; what a balance means for the windows, the core decides.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.clock import Clock
from runner.core import quota
from runner.core.verdict import Kind, Verdict
from runner.core.window import Quota
from runner.providers.account import Account
from runner.providers.balance import Balance, Unwelcome, ask_balance, ask_price
from runner.providers.endpoint import Endpoint
from runner.runtime.writer import Writer
from runner.store import ledger

EVERY_MS = 15 * 60_000
# With nothing left a grant may come at any moment, and asking costs nothing.
EVERY_MS_WITHOUT = 5 * 60_000
REMEDY = "make a new token and set the variable that the account names"


class Purse:
    """One account's credits."""

    def __init__(self, endpoint: Endpoint, writer: Writer, clock: Clock) -> None:
        self.account = endpoint.account
        self._endpoint = endpoint
        self._writer = writer
        self._clock = clock
        self._ask_at = 0
        self.prices: dict[str, float] = {}

    def hurry(self) -> None:
        """Ask again at the next turn: the provider has just said that the credits are spent."""
        self._ask_at = 0

    @property
    def due(self) -> bool:
        """Whether it is time to ask."""
        return self.account.credits is not None and self._clock.now() >= self._ask_at

    async def look(self, models: frozenset[str]) -> Verdict | None:
        """Ask, and write it down; the verdict on the account if its token is refused."""
        rule, now = self.account.credits, self._clock.now()
        if rule is None:
            return None
        found = await ask_balance(self._endpoint)
        self._ask_at = now + EVERY_MS
        if isinstance(found, Unwelcome):
            return Verdict(Kind.UNAUTHORISED, found.why, remedy=REMEDY)
        if isinstance(found, Balance):
            if found.available == 0:
                self._ask_at = now + EVERY_MS_WITHOUT
            await self._learn_prices(models)
            await self._writer.do(
                partial(write_balance, account=self.account, rule=rule, found=found, now=now)
            )
        return None

    async def _learn_prices(self, models: frozenset[str]) -> None:
        for model in sorted(models - self.prices.keys() - self.account.prices.keys()):
            if (price := await ask_price(self._endpoint, model)) is not None:
                self.prices[model] = price

    def priced(self) -> Account:
        """The account with the prices that were learned; the configured ones go before."""
        return replace(self.account, prices=self.prices | dict(self.account.prices))


async def write_balance(
    connection: AsyncConnection, account: Account, rule: Quota, found: Balance, now: int
) -> None:
    """Write down what the balance endpoint said."""
    known = await ledger.latest_windows(connection, [account.name])
    [window] = ledger.windows_at(known, account.name, "", [rule], now, 0)
    await ledger.save_windows(connection, [quota.balance(window, found.count, now)])
