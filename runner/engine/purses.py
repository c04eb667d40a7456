"""The credits of the accounts: asked for at no cost, and written down.

It knows when to ask, in a task of its own, so that no call ever waits for a balance; what one
means for the windows, the core decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.clock import Clock
from runner.core import gate, quota
from runner.core.gate import ParkReason
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Quota, Window
from runner.engine.writer import Writer
from runner.errors import StoreError
from runner.providers.account import Account
from runner.providers.balance import Balance, TokenRefused, ask_balance, ask_price
from runner.providers.endpoint import Endpoint
from runner.store import balances, ledger

EVERY_MS = 15 * 60_000
# With nothing left a grant may come at any moment, and asking costs nothing.
EVERY_MS_WITHOUT = 5 * 60_000
RETRY_WRITE_MS = 10_000
REMEDY = "make a new token and set the variable that the account names"


class Purse:
    """One account's credits."""

    def __init__(self, endpoint: Endpoint, writer: Writer, clock: Clock) -> None:
        self.account = endpoint.account
        self._endpoint = endpoint
        self._writer = writer
        self._clock = clock
        self._ask_at = 0
        self._hurried = anyio.Event()
        self.looked = self.account.credits is None
        self.models: frozenset[str] = frozenset()
        self.prices: dict[str, float] = {}

    def hurry(self) -> None:
        """Ask again at once: the provider has just said that the credits are spent."""
        self._ask_at = 0
        self._hurried.set()

    async def watch(self, tell: Callable[[Verdict | None], None]) -> None:
        """Look whenever it is time, until the token is refused or it is cancelled.

        `tell` is called after each look, with the verdict on the account if it is refused.
        """
        verdict = None
        while verdict is None and self.account.credits is not None:
            self._hurried = anyio.Event()
            try:
                verdict = await self._look(self.account.credits)
            except StoreError:  # the loop meets it as well, and says so
                self._ask_at = self._clock.now() + RETRY_WRITE_MS
            self.looked = True
            tell(verdict)
            if verdict is None:
                await self._rest()

    async def _rest(self) -> None:
        """Until it is time to ask; the clock may be set meanwhile, and the machine may sleep."""
        while (left_ms := self._ask_at - self._clock.now()) > 0:
            with anyio.move_on_after(min(self._clock.tick_s, left_ms / 1000)):
                await self._hurried.wait()

    async def _look(self, rule: Quota) -> Verdict | None:
        """Ask, and write it down; the verdict on the account if its token is refused."""
        now = self._clock.now()
        self._ask_at = now + EVERY_MS
        found = await ask_balance(self._endpoint)
        if isinstance(found, TokenRefused):
            await self._writer.do(
                partial(write_refusal, account=self.account, why=found.why, now=now)
            )
            return Verdict(Kind.UNAUTHORISED, found.why, remedy=REMEDY)
        if isinstance(found, Balance):
            if found.available == 0:
                self._ask_at = min(self._ask_at, now + EVERY_MS_WITHOUT)
            await self._learn_prices()
            await self._writer.do(
                partial(write_balance, account=self.account, rule=rule, found=found, now=now)
            )
        return None

    async def _learn_prices(self) -> None:
        for model in sorted(self.models - self.prices.keys() - self.account.prices.keys()):
            if (price := await ask_price(self._endpoint, model)) is not None:
                self.prices[model] = price

    def priced(self) -> Account:
        """The account with the prices that were learned; the configured ones go before."""
        return replace(self.account, prices=self.prices | dict(self.account.prices))


async def write_balance(
    connection: AsyncConnection, account: Account, rule: Quota, found: Balance, now: int
) -> None:
    """Write down what the balance endpoint said: it has accepted the token, too."""
    known = await ledger.latest_windows(connection, [account.name])
    [window] = ledger.windows_at(known, account.name, "", [rule], now, 0)
    told = quota.balance(window, found.count, now)
    refused = [other for other in known.values() if other.gate.reason is ParkReason.REFUSED]
    await ledger.save_windows(connection, [*map(_pardoned, refused), _pardoned(told)])
    await balances.note(
        connection,
        account.name,
        available=found.available,
        frozen=found.frozen or 0,
        counted=(window.spent, told.spent),
        now=now,
    )


def _pardoned(window: Window) -> Window:
    if window.gate.reason is not ParkReason.REFUSED:
        return window
    return replace(window, gate=replace(window.gate, reason=ParkReason.NONE, why=""))


async def write_refusal(connection: AsyncConnection, account: Account, why: str, now: int) -> None:
    """Remember in the account's first window that its token is refused."""
    rules = [rule for rule in account.quotas if rule.primary and rule.scope is Scope.ACCOUNT]
    known = await ledger.latest_windows(connection, [account.name])
    [window] = ledger.windows_at(known, account.name, "", rules, now, 0)
    shut = gate.park(window.gate, now, ParkReason.REFUSED, why, probe=True)
    await ledger.save_windows(connection, [replace(window, gate=shut)])
