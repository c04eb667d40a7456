"""Polling of an account's credits, which costs nothing.

It runs in a task of its own, so that no call waits for a balance. The core decides how a balance
changes the windows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import gate, grants, quota
from runner.core.calendar import NEVER
from runner.core.gate import ParkReason
from runner.core.prices import learned_prices
from runner.core.renewal import windows_at
from runner.core.time_units import DAY_MS
from runner.core.verdict import Kind, Scope, Verdict, is_of_calls
from runner.core.window import CREDIT, Quota, Window
from runner.engine.posts import Post
from runner.engine.provider_clock import ProviderClock
from runner.errors import StoreError
from runner.language import _, gettext_noop
from runner.providers.account import Account
from runner.providers.balance import Balance, TokenRefused, ask_balance, ask_price
from runner.providers.endpoint import Endpoint
from runner.store import balances, windows

log = logging.getLogger(__name__)

EVERY_MS = 15 * 60_000
# With nothing left, as a grant may come at any moment.
EVERY_MS_WITHOUT = 5 * 60_000
# The delay of a poll after an expiry.
EXPIRED_MS = 60_000
# The age of samples from which expiries are inferred; daily grants matter most.
HISTORY_MS = 3 * DAY_MS
RETRY_WRITE_MS = 10_000
# The longest single sleep, so that a clock that was set forward is noticed.
REST_S = 60.0
REMEDY = gettext_noop("make a new token and set the variable that the account names")


class BalancePoller:
    """Polls one account's credits."""

    def __init__(self, endpoint: Endpoint, post: Post, clock: ProviderClock) -> None:
        self.account = endpoint.account
        self._endpoint = endpoint
        self._post = post
        self._clock = clock
        self._ask_at = 0
        self._hurried = anyio.Event()
        self._polled_for: frozenset[str] | None = None
        self.token_is_good = False  # a balance was returned
        self.models: frozenset[str] = frozenset()
        self.prices: dict[str, float] = {}

    @property
    def polled(self) -> bool:
        """Whether the balance was polled, and all wanted prices were asked for, if there are any.

        The first poll may begin before any price is wanted.
        """
        if self.account.credits is None:
            return True
        return self._polled_for is not None and self.models <= self._polled_for

    def poll_now(self) -> None:
        """Polls at once, as after a refusal for spent credits."""
        self._ask_at = 0
        self._hurried.set()

    def want_prices(self, models: frozenset[str]) -> None:
        """Requests the prices of these models; new ones are asked for at once."""
        if models - self.models and self.account.credits is not None:
            self.models = self.models | models
            self.poll_now()

    async def run(self, tell: Callable[[Verdict | None], None]) -> None:
        """Polls whenever it is due, until the token is refused or it is cancelled.

        `tell` is called after each poll, with a verdict if the account is refused.
        """
        verdict = None
        while verdict is None and self.account.credits is not None:
            self._hurried, models = anyio.Event(), self.models
            try:
                verdict = await self._poll(self.account.credits)
            except StoreError:  # the engine has the same error, and reports it
                self._ask_at = self._clock.now() + RETRY_WRITE_MS
            except Exception:
                # A bug must not cancel the calls in flight, which are paid for.
                log.exception("the balance of %s cannot be asked for", self.account.name)
            self._polled_for = models
            tell(verdict)
            if verdict is None:
                await self._rest()

    async def _rest(self) -> None:
        """Sleeps until the next poll is due, even if the clock is set or the machine sleeps.

        A poll that is further off than any is planned shows that the clock was set back.
        """
        while 0 < (left_ms := self._ask_at - self._clock.now()) <= EVERY_MS:
            with anyio.move_on_after(min(max(self._clock.tick_s, REST_S), left_ms / 1000)):
                await self._hurried.wait()
                # It may have been set before the poll failed; a set event would end every wait.
                self._hurried = anyio.Event()

    async def _poll(self, rule: Quota) -> Verdict | None:
        """Asks for the balance and stores it; returns a verdict if the token is refused."""
        self._ask_at = self._clock.now() + EVERY_MS
        reply = await ask_balance(self._endpoint)
        now = await self._clock.known_now()
        self._ask_at = min(self._ask_at, now + EVERY_MS)
        if isinstance(reply, TokenRefused):
            await self._post(lambda c, _: write_refusal(c, self.account, reply.why, now))
            return Verdict(Kind.UNAUTHORISED, reply.why, remedy=_(REMEDY))
        if isinstance(reply, Balance):
            self.token_is_good = True
            if reply.available == 0:
                self._ask_at = min(self._ask_at, now + EVERY_MS_WITHOUT)
            await self._ask_prices()
            learned = await self._post(
                lambda c, _: write_balance(c, self.account, rule, reply, now)
            )
            self.prices |= {model: price / CREDIT for model, price in learned.prices.items()}
            self._ask_at = min(self._ask_at, learned.next_expiry + EXPIRED_MS)
        return None

    async def _ask_prices(self) -> None:
        for model in sorted(self.models - self.prices.keys()):
            if self.account.knows_price(model):
                continue
            if (price := await ask_price(self._endpoint, model)) is not None:
                self.prices[model] = price

    def priced(self) -> Account:
        """Returns the account with learned prices, which configured ones override."""
        if not self.prices:
            return self.account
        return replace(self.account, prices=self.prices | dict(self.account.prices))


@dataclass(frozen=True, slots=True)
class Learned:
    """What samples of a balance show, beside the balance itself.

    Attributes:
        prices: The prices by model, in thousandths of a credit.
        next_expiry: When credits may expire next (ms since the epoch); `NEVER` if none will.
    """

    prices: Mapping[str, int]
    next_expiry: int


async def write_balance(
    connection: AsyncConnection, account: Account, rule: Quota, balance: Balance, now: int
) -> Learned:
    """Stores a balance, and clears refusals of the token, which the endpoint has accepted."""
    latest = await windows.latest_windows(connection, [account.name])
    [window] = windows_at(latest, account.name, "", [rule], now, 0)
    polled = quota.balance(window, balance.count, now)
    await _note(connection, account, balance, counted=(window.spent, polled.spent), now=now)
    seen = await balances.since(connection, account.name, now - HISTORY_MS)
    samples, terms = [each.sample for each in seen], account.preset.grants
    left, last = grants.infer(samples, terms), grants.last_grant(samples, terms)
    polled = replace(polled, expiries=grants.expiries(left, last, polled.spent))
    refused = [other for other in latest.values() if other.gate.reason is ParkReason.REFUSED]
    await windows.save_windows(connection, map(_clear_refusal, refused))
    await windows.open_windows(connection, [_clear_refusal(polled)])
    calls = await balances.answered_calls(connection, account.name, now - HISTORY_MS)
    ahead = [moment for moment, _ in polled.expiries if moment > now]
    return Learned(learned_prices(samples, calls), min(ahead, default=NEVER))


async def _note(
    connection: AsyncConnection,
    account: Account,
    balance: Balance,
    *,
    counted: tuple[int, int],
    now: int,
) -> None:
    """Stores the sample; `counted` is the window's `spent` before and after it."""
    await balances.note(
        connection,
        account.name,
        available=balance.available,
        frozen=balance.frozen or 0,
        counted=counted,
        now=now,
    )


def _clear_refusal(window: Window) -> Window:
    """Returns `window` without a refusal of the token; a refusal of calls is kept."""
    refused = window.gate.reason is ParkReason.REFUSED
    if not refused or is_of_calls(window.gate.why):
        return window
    return replace(window, gate=replace(window.gate, reason=ParkReason.NONE, why=""))


async def write_refusal(connection: AsyncConnection, account: Account, why: str, now: int) -> None:
    """Stores a refusal of the token in the account's primary window."""
    rules = [rule for rule in account.quotas if rule.primary and rule.scope is Scope.ACCOUNT]
    known = await windows.latest_windows(connection, [account.name])
    [window] = windows_at(known, account.name, "", rules, now, 0)
    parked = gate.park(window.gate, now, ParkReason.REFUSED, why, probe=True)
    await windows.open_windows(connection, [replace(window, gate=parked)])
