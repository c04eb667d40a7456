"""What each account has spent of its day, and of its day on each model.

It knows the provider's calendar (days begin at 00:00 UTC+8); it owns no clock and is told the
time with every question.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from runner.providers.simulator.config import SimulatorConfig

_DAY_MS = 86_400_000
_ZONE_MS = 8 * 3_600_000  # UTC+8, which has no daylight saving time
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a day to an account, and to it on one model.

    Attributes:
        account_limit: Calls the account may spend a day; None is no limit.
        account_left: Calls left of it, never below 0; None is no limit.
        model_limit: Calls the account may spend a day on the model; None is no limit or no model.
        model_left: Calls left of it, never below 0; None as for `model_limit`.
    """

    account_limit: int | None
    account_left: int | None
    model_limit: int | None
    model_left: int | None


class Allowance:
    """Counts of spent calls. Accounts are told apart by their token."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._by_account: Counter[tuple[int, str]] = Counter()
        self._by_model: Counter[tuple[int, str, str]] = Counter()

    def standing(self, account: str, model: str | None, now_ms: int) -> Standing:
        """Return what is left to `account`, and to it on `model`, at `now_ms`."""
        day = self._day(now_ms)
        limit = self._config.calls_per_day
        spent = self._by_account[day, account] + self._foreign(now_ms)
        model_limit = None if model is None else self._config.model_limit(model)
        model_spent = 0 if model is None else self._by_model[day, account, model]
        return Standing(limit, _left(limit, spent), model_limit, _left(model_limit, model_spent))

    def spend(self, account: str, model: str, now_ms: int) -> None:
        """Count one call of `account` to `model`, whether or not there was room for it."""
        day = self._day(now_ms)
        self._by_account[day, account] += 1
        self._by_model[day, account, model] += 1

    def _day(self, now_ms: int) -> int:
        return quota_day(now_ms, self._config.reset_late_s)

    def _foreign(self, now_ms: int) -> int:
        """Return floor(calls x elapsed / spread), at most `calls`; time elapses from the reset."""
        calls, spread_ms = self._config.foreign_calls_per_day, self._config.foreign_spread_s * 1000
        elapsed_ms = _since_first_reset(now_ms, self._config.reset_late_s) % _DAY_MS
        return min(calls, calls * elapsed_ms // spread_ms)


def quota_day(now_ms: int, reset_late_s: int = 0) -> int:
    """Return the number of the quota day `now_ms` lies in, counted from 1970-01-01 in UTC+8."""
    return _since_first_reset(now_ms, reset_late_s) // _DAY_MS


def day_name(day: int) -> str:
    """Return the calendar date of quota day `day` as YYYY-MM-DD."""
    return date.fromordinal(_EPOCH + day).isoformat()


def _since_first_reset(now_ms: int, reset_late_s: int) -> int:
    """Return milliseconds since the (late) reset of 1970-01-01 in UTC+8."""
    return now_ms + _ZONE_MS - reset_late_s * 1000


def _left(limit: int | None, spent: int) -> int | None:
    return None if limit is None else max(0, limit - spent)
