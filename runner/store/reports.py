"""Reports of the ledger by quota day.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Label, and_, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.charging import UNCHARGED
from runner.core.states import CallState
from runner.core.window import NEVER, Unit
from runner.store import balances
from runner.store.expressions import ReservedAmount
from runner.store.tables import balances as balances_seen
from runner.store.tables import calls, windows


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day of the ledger. ``calls = succeeded + failed + throttled + in_flight``.

    Attributes:
        day: The quota day, YYYY-MM-DD.
        account: The account.
        model: The model; empty when the report is not split by model.
        calls: The number of calls sent, without those that never left this machine.
        succeeded: The number of calls that were answered.
        failed: The number without an answer: faults, rejections, and those with an unknown end.
        throttled: The number refused for pace or allowance, which cost nothing.
        in_flight: The number that have not ended.
        unseen: The part of `failed` whose runner died before the reply.
        rows: The number of rows that the calls have ended.
        prompt_tokens: The tokens sent, as the provider counted them; None if it counted none.
        completion_tokens: The tokens received, as the provider counted them; None if it counted
            none.
        uncounted: The part of `succeeded` without a count of tokens.
        spent: The amount spent that day by the account's window, with other users' spending; None
            if unknown.
        limit: The account's limit that day; None if unknown.
        credits: The cost of all calls that may have been charged, in thousandths of a credit; None
            if no balance was seen by the end of the day.
        balance: The balance at the end of the day, or now, in thousandths; None if no balance was
            seen by then.
    """

    day: str
    account: str
    model: str
    calls: int
    succeeded: int
    failed: int
    throttled: int
    in_flight: int
    unseen: int
    rows: int
    prompt_tokens: int | None
    completion_tokens: int | None
    uncounted: int
    spent: int | None
    limit: int | None
    credits: int | None = None
    balance: int | None = None

    @property
    def tokens(self) -> int | None:
        """The tokens sent and received; None if answered calls have no counts."""
        counted = [n for n in (self.prompt_tokens, self.completion_tokens) if n is not None]
        return sum(counted) if counted or not self.uncounted else None


_REFUSED = (CallState.THROTTLED, CallState.SPENT)
BROKEN = (
    CallState.UNSEEN,
    CallState.TRANSIENT,
    CallState.REJECTED,
    CallState.UNAUTHORISED,
    CallState.GONE,
)


async def daily(
    connection: AsyncConnection, *, batch_ids: Sequence[int] | None = None, by_model: bool = False
) -> list[DayReport]:
    """Returns the ledger by quota day and account (and model), oldest first."""
    model = calls.c.model if by_model else literal_column("''")
    quotas = await credit_quotas(connection)
    query = (
        select(
            calls.c.period_key.label("day"),
            calls.c.account,
            model.label("model"),
            *_sums(),
            cost(quotas),
        )
        .where(calls.c.state != CallState.LOCAL)
        .group_by(calls.c.period_key, calls.c.account, *([calls.c.model] if by_model else []))
        .order_by(calls.c.period_key, calls.c.account, *([calls.c.model] if by_model else []))
    )
    if batch_ids is not None:
        query = query.where(calls.c.batch_id.in_(batch_ids))
    allowances = await _allowances(connection)
    days = [
        DayReport(**row, **allowances.get((row["account"], row["model"], row["day"]), _UNKNOWN))
        for row in (await connection.execute(query)).mappings()
    ]
    return [
        await _with_balance(connection, day, cost(quotas))
        if day.account in quotas
        else replace(day, credits=None)
        for day in days
    ]


async def credit_quotas(connection: AsyncConnection) -> dict[str, str]:
    """Returns, by account with a known balance, the name of its quota of credits."""
    rows = await connection.execute(
        select(windows.c.account, windows.c.quota)
        .where(windows.c.is_latest == literal_column("1"), windows.c.unit == Unit.CREDITS)
        .where(windows.c.account.in_(select(balances_seen.c.account).distinct()))
    )
    return {row.account: row.quota for row in rows}


def cost(credit_quotas: Mapping[str, str]) -> Label[int | None]:
    """Returns an SQL sum of the credits reserved by the calls that may have been charged."""
    free = [CallState(kind) for kind in UNCHARGED]
    prices = [
        (
            (calls.c.account == account) & calls.c.state.not_in(free),
            ReservedAmount(calls.c.reserved_json, quota),
        )
        for account, quota in credit_quotas.items()
    ]
    return func.sum(case(*prices, else_=0) if prices else literal_column("0")).label("credits")


async def _with_balance(
    connection: AsyncConnection, day: DayReport, spent: Label[int | None]
) -> DayReport:
    """Returns `day` with its account's balance at its end; without credits if none was seen.

    The balance is the last one seen in the day, less the cost of the calls since.
    """
    ends_at = await connection.scalar(
        select(func.max(windows.c.resets_at_ms)).where(
            windows.c.account == day.account, windows.c.period_key == day.day
        )
    )
    seen = await balances.latest(connection, day.account, ends_at or NEVER)
    if seen is None:
        return replace(day, credits=None)
    since = await connection.scalar(
        select(spent).where(
            calls.c.period_key == day.day,
            calls.c.account == day.account,
            calls.c.settled_at_ms > seen.until,
        )
    )
    return replace(day, balance=max(0, seen.available + seen.frozen - (since or 0)))


UNCOUNTED = and_(
    calls.c.state == CallState.DONE,
    calls.c.prompt_tokens.is_(None),
    calls.c.completion_tokens.is_(None),
)


def _sums() -> list[Label[int]]:
    def number(states: Sequence[CallState], name: str) -> Label[int]:
        return func.sum(case((calls.c.state.in_(states), 1), else_=0)).label(name)

    return [
        func.count().label("calls"),
        number([CallState.DONE], "succeeded"),
        number(BROKEN, "failed"),
        number(_REFUSED, "throttled"),
        number([CallState.RESERVED], "in_flight"),
        number([CallState.UNSEEN], "unseen"),
        func.sum(calls.c.rows_finished).label("rows"),
        func.sum(calls.c.prompt_tokens).label("prompt_tokens"),
        func.sum(calls.c.completion_tokens).label("completion_tokens"),
        func.sum(case((UNCOUNTED, 1), else_=0)).label("uncounted"),
    ]


_UNKNOWN: dict[str, Any] = {"spent": None, "limit": None}


async def _allowances(connection: AsyncConnection) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = await connection.execute(
        select(
            windows.c.account,
            windows.c.model,
            windows.c.period_key,
            windows.c.spent,
            windows.c.limit,
        ).where(windows.c.is_primary == 1)
    )
    return {
        (row.account, row.model, row.period_key): {"spent": row.spent, "limit": row.limit}
        for row in rows
    }
