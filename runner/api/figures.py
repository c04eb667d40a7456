"""Figures with Python's types: what a batch would cost, what is left, what days have cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from runner.api.moments import moment, moment_or_none
from runner.app.planning import Plan
from runner.app.responses import QuotaLine
from runner.core.window import CREDIT, NEVER, Unit
from runner.store.reports import DayReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a batch would cost, before a call is spent.

    Attributes:
        rows: Rows in the dataset.
        distinct: Different requests among them.
        reused: Of these, how many have been answered before.
        calls: Calls to make if every answer is good at once, those of votes included.
        single_calls: Calls it would take if each row were asked alone.
        prompt_tokens: Tokens to send, estimated.
        calls_per_day: Calls that a whole day allows; None: no limit is known.
        days: Days of allowance that it touches; 0: it can never be done.
        finish: When it would be done if it started now; None: that is not known.
    """

    rows: int
    distinct: int
    reused: int
    calls: int
    single_calls: int
    prompt_tokens: int
    calls_per_day: int | None
    days: int
    finish: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One window: what was spent of a quota in its present period.

    Attributes:
        account: Whose it is.
        model: The model that it is for; None: the whole account's.
        quota: The name of the quota, as ``calls_per_day``.
        unit: ``calls``, ``tokens`` or ``credits``.
        limit: How much it is; None: only the provider knows.
        spent: What was spent.
        in_flight: What calls under way have reserved.
        left: What may still be spent, without the reserve; None where no limit is known.
        reserve: What is left for you.
        resets_at: When all of it comes back; None where no clock tells.
        source: Where the limit is known from.
        learned_at: When that was learned.
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
    """The calls of one day of the provider.

    Attributes:
        day: The day, by the provider's calendar.
        account: Whose allowance was spent.
        model: The model asked; None where the report is not by model.
        calls: Calls sent.
        succeeded: Calls that brought an answer.
        failed: Calls that brought none.
        throttled: Calls that were refused; they cost nothing.
        in_flight: Calls whose end is open.
        rows: Rows brought to an end.
        prompt_tokens: Tokens sent, as the provider counted them; None if it counted none.
        completion_tokens: Tokens received, likewise.
        spent: What the provider says was spent, strangers included; None if unknown.
        limit: The account's limit that day; None if unknown.
        credits: What the calls cost in credits; None where no balance was seen.
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
    """The figures of a plan."""
    found = plan.forecast
    known = found.days > 0 and not found.beyond
    return Estimate(
        rows=plan.rows,
        distinct=plan.distinct,
        reused=plan.reused,
        calls=plan.calls,
        single_calls=plan.single_calls,
        prompt_tokens=plan.prompt_tokens,
        calls_per_day=found.per_day,
        days=found.days,
        finish=moment(found.finish_at) if known or not found.calls else None,
    )


def allowance_of(line: QuotaLine) -> Allowance:
    """The figures of a window."""
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
    """An amount of a unit; credits are kept in thousandths."""
    return value / CREDIT if unit is Unit.CREDITS else value


def call_day_of(found: DayReport) -> CallDay:
    """The figures of a day."""
    return CallDay(
        day=date.fromisoformat(found.day),
        account=found.account,
        model=found.model or None,
        calls=found.calls,
        succeeded=found.succeeded,
        failed=found.failed,
        throttled=found.throttled,
        in_flight=found.in_flight,
        rows=found.rows,
        prompt_tokens=found.prompt_tokens,
        completion_tokens=found.completion_tokens,
        spent=found.spent,
        limit=found.limit,
        credits=None if found.credits is None else found.credits / CREDIT,
    )
