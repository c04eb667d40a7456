"""The credits of an account: asked for at no cost from time to time, and stored.

It runs in a task of its own, so that no call ever waits for a balance; what one means for the
windows, the core decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.clock import Clock
from runner.core import gate, grants, quota
from runner.core.gate import ParkReason
from runner.core.prices import learned_prices
from runner.core.renewal import windows_at
from runner.core.verdict import Kind, Scope, Verdict, is_of_calls
from runner.core.window import CREDIT, NEVER, Quota, Window
from runner.engine.posts import Post
from runner.errors import StoreError
from runner.language import _
from runner.providers.account import Account
from runner.providers.balance import Balance, TokenRefused, ask_balance, ask_price
from runner.providers.endpoint import Endpoint
from runner.store import balances, windows

log = logging.getLogger(__name__)

EVERY_MS = 15 * 60_000
# With nothing left a grant may come at any moment, and asking costs nothing.
EVERY_MS_WITHOUT = 5 * 60_000
# After something has expired it is asked this much later.
EXPIRED_MS = 60_000
# From what was seen for so long, it is inferred what expires when: what is granted for a day.
HISTORY_MS = 3 * grants.DAY_MS
RETRY_WRITE_MS = 10_000
# How long to sleep at once: longer, and a clock that was set on would not be noticed.
REST_S = 60.0
REMEDY = _("make a new token and set the variable that the account names")


class BalancePoller:
    """One account's credits."""

    def __init__(self, endpoint: Endpoint, post: Post, clock: Clock) -> None:
        self.account = endpoint.account
        self._endpoint = endpoint
        self._post = post
        self._clock = clock
        self._ask_at = 0
        self._hurried = anyio.Event()
        self.polled = self.account.credits is None
        self.token_is_good = False  # the balance was shown
        self.models: frozenset[str] = frozenset()
        self.prices: dict[str, float] = {}

    def poll_now(self) -> None:
        """Ask again at once: the provider has just said that the credits are spent."""
        self._ask_at = 0
        self._hurried.set()

    def want_prices(self, models: frozenset[str]) -> None:
        """Have the prices of these models looked up, those that are not known yet at once."""
        if models - self.models and self.account.credits is not None:
            self.models = self.models | models
            self.poll_now()

    async def run(self, tell: Callable[[Verdict | None], None]) -> None:
        """Poll whenever it is time, until the token is refused or it is cancelled.

        `tell` is called after each poll, with the verdict on the account if it is refused.
        """
        verdict = None
        while verdict is None and self.account.credits is not None:
            self._hurried = anyio.Event()
            try:
                verdict = await self._poll(self.account.credits)
            except StoreError:  # the engine meets it as well, and says so
                self._ask_at = self._clock.now() + RETRY_WRITE_MS
            except Exception:
                # A defect of ours must not cancel the calls beside it, which are paid.
                log.exception("the balance of %s cannot be asked for", self.account.name)
            self.polled = True
            tell(verdict)
            if verdict is None:
                await self._rest()

    async def _rest(self) -> None:
        """Until it is time to ask; the clock may be set meanwhile, and the machine may sleep."""
        while (left_ms := self._ask_at - self._clock.now()) > 0:
            with anyio.move_on_after(min(max(self._clock.tick_s, REST_S), left_ms / 1000)):
                await self._hurried.wait()

    async def _poll(self, rule: Quota) -> Verdict | None:
        """Ask, and store it; the verdict on the account if its token is refused."""
        now = self._clock.now()
        self._ask_at = now + EVERY_MS
        found = await ask_balance(self._endpoint)
        if isinstance(found, TokenRefused):
            await self._post(partial(write_refusal, account=self.account, why=found.why, now=now))
            return Verdict(Kind.UNAUTHORISED, found.why, remedy=REMEDY)
        if isinstance(found, Balance):
            self.token_is_good = True
            if found.available == 0:
                self._ask_at = min(self._ask_at, now + EVERY_MS_WITHOUT)
            await self._ask_prices()
            learned = await self._post(
                partial(write_balance, account=self.account, rule=rule, found=found, now=now)
            )
            self.prices |= {model: price / CREDIT for model, price in learned.prices.items()}
            self._ask_at = min(self._ask_at, learned.next_expiry + EXPIRED_MS)
        return None

    async def _ask_prices(self) -> None:
        for model in sorted(self.models - self.prices.keys() - self.account.prices.keys()):
            if (price := await ask_price(self._endpoint, model)) is not None:
                self.prices[model] = price

    def priced(self) -> Account:
        """The account with the prices that were learned; the configured ones go before."""
        if not self.prices:
            return self.account
        return replace(self.account, prices=self.prices | dict(self.account.prices))


@dataclass(frozen=True, slots=True)
class Learned:
    """What a balance tells, beside the credits.

    Attributes:
        prices: Of the models that were called, in thousandths of a credit.
        next_expiry: When something may expire; `NEVER` if nothing will.
    """

    prices: Mapping[str, int]
    next_expiry: int


async def write_balance(
    connection: AsyncConnection, account: Account, rule: Quota, found: Balance, now: int
) -> Learned:
    """Store what the balance endpoint said: it has accepted the token, too."""
    known = await windows.latest_windows(connection, [account.name])
    [window] = windows_at(known, account.name, "", [rule], now, 0)
    told = quota.balance(window, found.count, now)
    await _note(connection, account, found, counted=(window.spent, told.spent), now=now)
    seen = await balances.since(connection, account.name, now - HISTORY_MS)
    samples, terms = [each.sample for each in seen], account.preset.grants
    left, last = grants.infer(samples, terms), grants.last_grant(samples, terms)
    told = replace(told, expiries=grants.expiries(left, last, told.spent))
    refused = [other for other in known.values() if other.gate.reason is ParkReason.REFUSED]
    await windows.save_windows(connection, map(_clear_refusal, refused))
    await windows.open_windows(connection, [_clear_refusal(told)])
    calls = await balances.answered_calls(connection, account.name, now - HISTORY_MS)
    ahead = [moment for moment, _ in told.expiries if moment > now]
    return Learned(learned_prices(samples, calls), min(ahead, default=NEVER))


async def _note(
    connection: AsyncConnection,
    account: Account,
    found: Balance,
    *,
    counted: tuple[int, int],
    now: int,
) -> None:
    """Keep the sample; `counted` is what the window held as spent before and after it."""
    await balances.note(
        connection,
        account.name,
        available=found.available,
        frozen=found.frozen or 0,
        counted=counted,
        now=now,
    )


def _clear_refusal(window: Window) -> Window:
    """`window` without a refusal of the token; one of its calls is no matter of the token."""
    refused = window.gate.reason is ParkReason.REFUSED
    if not refused or is_of_calls(window.gate.why):
        return window
    return replace(window, gate=replace(window.gate, reason=ParkReason.NONE, why=""))


async def write_refusal(connection: AsyncConnection, account: Account, why: str, now: int) -> None:
    """Remember in the account's first window that its token is refused."""
    rules = [rule for rule in account.quotas if rule.primary and rule.scope is Scope.ACCOUNT]
    known = await windows.latest_windows(connection, [account.name])
    [window] = windows_at(known, account.name, "", rules, now, 0)
    parked = gate.park(window.gate, now, ParkReason.REFUSED, why, probe=True)
    await windows.open_windows(connection, [replace(window, gate=parked)])
