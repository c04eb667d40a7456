"""Figures with Python's types: estimates of batches, allowances, and calls by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from runner.api.moments import moment, moment_or_none
from runner.app.previews.planning import Plan
from runner.app.status.status import QuotaLine
from runner.core.calendar import NEVER
from runner.core.window import CREDIT, Unit
from runner.store.reports import DayReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The estimated cost of a batch, before a call is spent.

    Attributes:
        rows: The number of rows in the dataset.
        distinct: The number of different requests among them.
        reused: The number of those requests that have been answered before.
        calls: The number of calls if every first reply is valid, those of votes included.
        single_calls: The number of calls if each row were asked alone.
        prompt_tokens: The estimated number of tokens to send.
        calls_per_day: The number of calls that a whole day allows; None if no limit is known.
        days: The number of quota days that it needs; None if it can never be completed.
        finish: The time of completion if it started now; None if it can never be completed.
    """

    rows: int
    distinct: int
    reused: int
    calls: int
    single_calls: int
    prompt_tokens: int
    calls_per_day: int | None
    days: int | None
    finish: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One window of a quota: the amounts of its present period, in `unit`.

    Attributes:
        account: The name of the account.
        model: The model; None for a quota of the whole account.
        quota: The name of the quota, as ``calls_per_day``.
        unit: ``calls``, ``tokens`` or ``credits``.
        limit: The limit; None if only the provider knows it.
        spent: The amount that was spent.
        in_flight: The amount that calls in flight have reserved.
        left: The amount that may still be spent, without the reserve; None without a known limit.
        reserve: The amount that is left to the user.
        resets_at: The time of the reset; None if it is not known.
        source: The source of the limit.
        learned_at: The time at which the limit was learned.
    """

    account: str
    model: str | None
    quota: str
    unit: str
    limit: float | None
    spent: float
    in_flight: float
    left: float | None
    reserve: float
    resets_at: datetime | None
    source: str
    learned_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDay:
    """The calls of one quota day.

    Attributes:
        day: The day, in the provider's calendar.
        account: The account that was charged.
        model: The model; None if the report is not by model.
        calls: The number of calls sent.
        succeeded: The number of calls with an answer.
        failed: The number of calls without an answer.
        throttled: The number of calls that were refused, which cost nothing.
        in_flight: The number of calls whose outcome is not known yet.
        rows: The number of rows that have succeeded or failed.
        prompt_tokens: The tokens sent, as counted by the provider; None if it counted none.
        completion_tokens: The tokens received, as counted by the provider; None if it counted none.
        spent: The provider's own count, which includes calls of others; None if unknown.
        limit: The account's limit on that day; None if unknown.
        credits: The cost in credits; None if no balance was known.
    """

    day: date
    account: str
    model: str | None
    calls: int
    succeeded: int
    failed: int
    throttled: int
    in_flight: int
    rows: int
    prompt_tokens: int | None
    completion_tokens: int | None
    spent: int | None
    limit: int | None
    credits: float | None


def estimate_of(plan: Plan) -> Estimate:
    """Returns the estimate in a plan."""
    forecast = plan.forecast
    finishes_at = forecast.finishes_at
    return Estimate(
        rows=plan.rows,
        distinct=plan.distinct,
        reused=plan.reused,
        calls=plan.calls,
        single_calls=plan.single_calls,
        prompt_tokens=plan.prompt_tokens,
        calls_per_day=forecast.per_day,
        days=None if finishes_at is None else forecast.days,
        finish=moment_or_none(finishes_at),
    )


def allowance_of(line: QuotaLine) -> Allowance:
    """Returns the allowance in a window."""
    window = line.window
    unit = window.unit
    return Allowance(
        account=window.account,
        model=window.model or None,
        quota=window.quota,
        unit=str(unit),
        limit=None if window.limit is None else _amount(window.limit, unit),
        spent=_amount(window.spent, unit),
        in_flight=_amount(window.reserved, unit),
        left=None if window.remaining is None else _amount(window.remaining, unit),
        reserve=_amount(window.reserve, unit),
        resets_at=moment(window.resets_at) if window.resets_at < NEVER else None,
        source=str(window.limit_source),
        learned_at=moment_or_none(window.limit_learned_at),
    )


def _amount(value: int, unit: Unit) -> float:
    """Returns an amount in its unit; windows keep credits in thousandths."""
    return value / CREDIT if unit is Unit.CREDITS else value


def call_day_of(report: DayReport) -> CallDay:
    """Returns the calls in the report of a day."""
    return CallDay(
        day=date.fromisoformat(report.day),
        account=report.account,
        model=report.model or None,
        calls=report.calls,
        succeeded=report.succeeded,
        failed=report.failed,
        throttled=report.throttled,
        in_flight=report.in_flight,
        rows=report.rows,
        prompt_tokens=report.prompt_tokens,
        completion_tokens=report.completion_tokens,
        spent=report.spent,
        limit=report.limit,
        credits=None if report.credits is None else report.credits / CREDIT,
    )
