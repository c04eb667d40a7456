"""How many calls a batch needs, on which days, and when it will be finished.

It reckons with the functions that schedule: rooms of windows, budgets and paces; it knows no
database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.core import pacing
from runner.core.calendar import day_at
from runner.core.pacing import Pace
from runner.core.quota import Quota, Window

# What a call takes and how many run at once, when nothing was measured yet.
USUAL_CALL_MS = 1_500
USUAL_CONCURRENCY = 4


@dataclass(frozen=True, slots=True)
class Forecast:
    """What finishing takes.

    Attributes:
        calls: Calls still to be made, one a job.
        days: Days of allowance they touch, today included; 0 if they can never be made.
        finish_at: When the last result is expected (ms since the epoch).
        per_day: Calls an untouched day allows; None when no limit is known.
        today: Calls today's windows still allow; None when no limit is known.
    """

    calls: int
    days: int
    finish_at: int
    per_day: int | None
    today: int | None


def forecast(
    calls: int,
    quotas: Sequence[Quota],
    windows: Sequence[Window],
    pace: Pace,
    now: int,
    call_ms: int = USUAL_CALL_MS // USUAL_CONCURRENCY,
) -> Forecast:
    """When `calls` calls will be done.

    Args:
        calls: Calls to make, before retries.
        quotas: The rules of the account and the model.
        windows: Today's windows; where there is none the rule counts as untouched.
        pace: How budgets are spent.
        now: The present moment.
        call_ms: Milliseconds between the ends of two calls at full speed.
    """
    known = _known(quotas, windows)
    per_day = _least([_usable(rule) for rule in known])
    today = _least([rule.room if isinstance(rule, Window) else _usable(rule) for rule in known])
    if calls == 0 or today is None or per_day is None:
        return Forecast(calls, 1 if calls else 0, now + calls * call_ms, per_day, today)
    zone = quotas[0].zone
    left, days, opens_at, budget = calls, 1, now, today
    while left > (made := _made_in_time(budget, opens_at, zone, call_ms)) and per_day > 0:
        left -= made
        days += made > 0  # a day already spent is not one of the batch's
        opens_at, budget = day_at(opens_at, zone).ends_at, per_day
    if per_day == 0:
        return Forecast(calls, 0, now, 0, today)
    finish = opens_at + _spent_in(pace, left, budget, opens_at, zone, call_ms)
    return Forecast(calls, days, finish, per_day, today)


def _made_in_time(budget: int, opens_at: int, zone: str, call_ms: int) -> int:
    """The calls of a day's `budget` that can start before its end at full speed."""
    time_left = day_at(opens_at, zone).ends_at - opens_at
    return min(budget, -(-time_left // max(1, call_ms)))


def _spent_in(pace: Pace, left: int, budget: int, opens_at: int, zone: str, call_ms: int) -> int:
    """Milliseconds the last day's `left` calls take."""
    if not pacing.rationed(pace, budget=budget, waiting=left):
        return left * call_ms
    time_left = max(0, day_at(opens_at, zone).ends_at - pacing.SAFETY_MS - opens_at)
    return time_left * left // max(1, budget)


def _known(quotas: Sequence[Quota], windows: Sequence[Window]) -> list[Quota | Window]:
    known: dict[bool, Quota | Window] = {q.scope.value == "model": q for q in quotas}
    known.update({bool(w.model): w for w in windows})
    return list(known.values())


def _usable(rule: Quota | Window) -> int | None:
    return None if rule.limit is None else max(0, rule.limit - rule.reserve)


def _least(values: Sequence[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
