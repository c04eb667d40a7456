"""What each account has spent of its day and month, and of its day on each model.

It counts by the provider's calendar; it owns no clock and is told the time with every question.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.days import day_begins_ms, quota_day, quota_month


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a day to an account, and to it on one model; and of its month.

    Attributes:
        account_limit: Calls the account may spend a day; None is no limit.
        account_left: Calls left of it, never below 0; None is no limit.
        model_limit: Calls the account may spend a day on the model; None is no limit or no model.
        model_left: Calls left of it, never below 0; None as for `model_limit`.
        month_calls_left: Calls left of the account's month, never below 0; None is no limit.
        month_tokens_left: Tokens left of the account's month; as above.
    """

    account_limit: int | None
    account_left: int | None
    model_limit: int | None
    model_left: int | None
    month_calls_left: int | None = None
    month_tokens_left: int | None = None


class Allowance:
    """Counts of spent calls and tokens. Accounts are told apart by their token."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._by_account: Counter[tuple[int, str]] = Counter()
        self._by_model: Counter[tuple[int, str, str]] = Counter()
        self._by_month: Counter[tuple[int, str]] = Counter()
        self._tokens: Counter[tuple[int, str]] = Counter()

    def standing(self, account: str, model: str | None, now_ms: int) -> Standing:
        """Return what is left to `account`, and to it on `model`, at `now_ms`."""
        config, day, month = self._config, self._day(now_ms), self._month(now_ms)
        limit = config.day_limit(now_ms)
        spent = self._by_account[day, account] + self._foreign(day, now_ms)
        model_limit = None if model is None else config.model_limit(model)
        model_spent = 0 if model is None else self._by_model[day, account, model]
        return Standing(
            account_limit=limit,
            account_left=_left(limit, spent),
            model_limit=model_limit,
            model_left=_left(model_limit, model_spent),
            month_calls_left=_left(config.calls_per_month, self._by_month[month, account]),
            month_tokens_left=_left(config.tokens_per_month, self._tokens[month, account]),
        )

    def spend(self, account: str, model: str, now_ms: int, tokens: int = 0) -> None:
        """Count one call of `account` to `model`, whether or not there was room for it."""
        day, month = self._day(now_ms), self._month(now_ms)
        self._by_account[day, account] += 1
        self._by_model[day, account, model] += 1
        self._by_month[month, account] += 1
        self._tokens[month, account] += tokens

    def _day(self, now_ms: int) -> int:
        return quota_day(now_ms, self._config.reset_late_s, self._config.zone)

    def _month(self, now_ms: int) -> int:
        return quota_month(now_ms, self._config.reset_late_s, self._config.zone)

    def _foreign(self, day: int, now_ms: int) -> int:
        """Return floor(calls x elapsed / spread), at most `calls`; time elapses from the reset."""
        calls, spread_ms = self._config.foreign_calls_per_day, self._config.foreign_spread_s * 1000
        if not calls:
            return 0
        elapsed_ms = now_ms - day_begins_ms(day, self._config.reset_late_s, self._config.zone)
        return min(calls, calls * elapsed_ms // spread_ms)


def _left(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)
