"""Counts the calls of each account against every configured limit."""

from __future__ import annotations

from typing import NamedTuple

from runner.simulator.allowance import CallAllowance, RemainingQuota
from runner.simulator.config import SimulatorConfig
from runner.simulator.credits import CreditAccounts, CreditBalance, CreditHold
from runner.simulator.rate_limits import Headroom, SlidingWindow, TokenBucket
from runner.simulator.reply_plan import ReplyPlan


class SimulatedAccount(NamedTuple):
    """The state of an account's limits at one time; None means that a limit is not configured.

    Attributes:
        quota: The remaining quota of its day and month.
        calls: The headroom of its calls per minute.
        tokens: The headroom of its tokens per minute.
        bucket: The headroom of its token bucket, in calls.
        can_pay: Whether its credits pay for the call; True if calls cost no credits.
    """

    quota: RemainingQuota
    calls: Headroom | None = None
    tokens: Headroom | None = None
    bucket: Headroom | None = None
    can_pay: bool = True


class Accounting:
    """The counters of every account. Accounts are identified by their token."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._allowance = CallAllowance(config)
        self._calls = _window(config.calls_per_minute)
        self._tokens = _window(config.tokens_per_minute)
        self._bucket = TokenBucket(*config.refill_calls) if config.refill_calls else None
        self._credits = None if config.credits is None else CreditAccounts(config)

    def state(
        self, account: str, model: str | None, now_ms: int, tokens: int = 0
    ) -> SimulatedAccount:
        """Returns the state of `account` before a call of `model` that uses `tokens`."""
        window, token_window, bucket = self._calls, self._tokens, self._bucket
        return SimulatedAccount(
            self._allowance.remaining(account, model, now_ms),
            window.headroom(account, now_ms, 1) if window else None,
            token_window.headroom(account, now_ms, tokens) if token_window else None,
            bucket.headroom(account, now_ms) if bucket else None,
            not (self._credits and model) or self._credits.can_pay(account, model, now_ms),
        )

    def enter(self, account: str, model: str, plan: ReplyPlan, now_ms: int) -> CreditHold | None:
        """Counts a call that has been decided; returns the reservation of its price, or None.

        The limits per minute count every call that a model works on; the limits per day and month
        and the bucket count the calls that spend allowance.
        """
        if plan.spends:
            self._allowance.spend(account, model, now_ms, plan.tokens)
            if self._bucket:
                self._bucket.spend(account, now_ms)
        if not plan.occupies:
            return None
        if self._calls:
            self._calls.add(account, now_ms, 1)
        if self._tokens:
            self._tokens.add(account, now_ms, plan.tokens)
        return self._credits.hold(account, model, now_ms) if self._credits else None

    def close(self, hold: CreditHold | None, plan: ReplyPlan) -> None:
        """Ends the reservation of a call's price, if any; a failed call is refunded."""
        if self._credits and hold:
            self._credits.release(hold, refund=plan.failed)

    def balance(self, account: str, now_ms: int) -> CreditBalance | None:
        """Returns the credits of `account`; None if calls cost no credits."""
        return self._credits.balance(account, now_ms) if self._credits else None

    def grant(self, account: str, amount: float, now_ms: int, ttl_ms: int) -> bool:
        """Grants credits that expire `ttl_ms` after `now_ms`; returns False if calls cost none."""
        if self._credits:
            self._credits.grant(account, amount, now_ms, ttl_ms)
        return self._credits is not None


def _window(limit: int | None) -> SlidingWindow | None:
    return None if limit is None else SlidingWindow(limit)
