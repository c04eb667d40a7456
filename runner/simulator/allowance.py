"""Counts what each account has spent of its day, of its month, and of its day on each model."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from runner.simulator.config import SimulatorConfig
from runner.simulator.quota_days import QuotaCalendar, QuotaDay


class RemainingQuota(NamedTuple):
    """The remaining quota of an account's day and month, and of its day on one model.

    Remaining amounts are never below 0. None means no limit or, for a model, that none was given.

    Attributes:
        account_limit: The most calls of the account a day.
        account_remaining: The calls that remain of its day.
        model_limit: The most calls of the account a day on the model.
        model_remaining: The calls that remain of its day on the model.
        month_calls_remaining: The calls that remain of its month.
        month_tokens_remaining: The tokens that remain of its month.
    """

    account_limit: int | None
    account_remaining: int | None
    model_limit: int | None
    model_remaining: int | None
    month_calls_remaining: int | None = None
    month_tokens_remaining: int | None = None


class CallAllowance:
    """Counts of spent calls and tokens. Accounts are identified by their token."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._calendar = QuotaCalendar(config.zone, config.reset_late_s, config.reset_shifts_s)
        self._by_account: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._by_model: defaultdict[tuple[int, str, str], int] = defaultdict(int)
        self._by_month: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._tokens: defaultdict[tuple[int, str], int] = defaultdict(int)

    def remaining(self, account: str, model: str | None, now_ms: int) -> RemainingQuota:
        """Returns the remaining quota of `account`, and of it on `model`, at `now_ms`."""
        config, day = self._config, self._calendar.day(now_ms)
        limit, model_limit, model_left = config.day_limit(now_ms), None, None
        spent = self._by_account.get((day.number, account), 0)
        if config.foreign_calls_per_day:
            spent += self._foreign(day, now_ms)
        if model is not None:
            model_limit = config.model_limit(model)
            model_left = _left(model_limit, self._by_model.get((day.number, account, model), 0))
        account_left = _left(limit, spent)
        if config.calls_per_month is None and config.tokens_per_month is None:
            return RemainingQuota(limit, account_left, model_limit, model_left)
        month = (day.month, account)
        calls_left = _left(config.calls_per_month, self._by_month.get(month, 0))
        tokens_left = _left(config.tokens_per_month, self._tokens.get(month, 0))
        return RemainingQuota(limit, account_left, model_limit, model_left, calls_left, tokens_left)

    def spend(self, account: str, model: str, now_ms: int, tokens: int = 0) -> None:
        """Counts one call of `account` to `model`, also beyond the limits."""
        day = self._calendar.day(now_ms)
        self._by_account[day.number, account] += 1
        self._by_model[day.number, account, model] += 1
        self._by_month[day.month, account] += 1
        self._tokens[day.month, account] += tokens

    def _foreign(self, day: QuotaDay, now_ms: int) -> int:
        """Returns floor(calls * time since the reset / spread), at most `calls`."""
        calls, spread_ms = self._config.foreign_calls_per_day, self._config.foreign_spread_s * 1000
        return min(calls, calls * (now_ms - day.begins_ms) // spread_ms)


def _left(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)
