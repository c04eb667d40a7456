"""Reports of the ledger by quota day, with each day's allowance.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.calendar import NEVER
from runner.store import balances, ledger
from runner.store.call_totals import CellKey
from runner.store.figures import Figures, cost, credit_quotas
from runner.store.ledger import Chosen
from runner.store.tables import calls, windows


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day of the ledger. ``calls = succeeded + failed + throttled + in_flight``.

    Attributes:
        day: The quota day, YYYY-MM-DD.
        account: The account whose allowance was spent.
        model: The model that was called; empty when the report is not split by model.
        calls: Calls sent; calls that never left this machine are not counted.
        succeeded: Calls that returned an answer.
        failed: Calls that returned none: faults, rejections, and calls with an unknown outcome.
        throttled: Calls refused for pace or allowance; they cost nothing.
        in_flight: Calls that have not ended.
        unseen: Of `failed`, the calls whose runner died before they ended.
        rows: Rows that succeeded or failed.
        prompt_tokens: Tokens sent, as the provider counted them; None if it counted none.
        completion_tokens: Tokens received, likewise.
        uncounted: Of `succeeded`, the calls for which the provider reported no tokens.
        spent: The amount spent that day by the account's window, including other users' calls.
        limit: The account's limit that day; None if unknown.
        credits: The cost of all its calls that may have been charged, in thousandths of a credit;
            None if no balance was seen by the end of the day.
        balance: The balance at the end of the day, or now, in thousandths of a credit; None as
            for `credits`.
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


@dataclass(frozen=True, slots=True)
class Allowance:
    """The allowance of an account, or of a model on it, on a quota day.

    Attributes:
        spent: The amount spent by its window, with other users' spending; None if unknown.
        limit: The limit; None if unknown.
    """

    spent: int | None = None
    limit: int | None = None


UNKNOWN = Allowance()


async def daily(
    connection: AsyncConnection, *, batch_ids: Sequence[int] | None = None, by_model: bool = False
) -> list[DayReport]:
    """Returns the ledger by quota day and account (and model), oldest first."""
    apart = ("model",) if by_model else ()
    cells = (await ledger.read(connection, apart, Chosen(batch_ids))).cells
    quota_days: dict[tuple[str, str, str], Figures] = {}
    for key, figures in cells.items():
        name = (key.period_key, key.account, key.model)
        quota_days[name] = quota_days.get(name, Figures()) + figures
    known = await allowances(connection)
    quotas = await credit_quotas(connection)
    reports = []
    for (day, account, model), figures in sorted(quota_days.items()):
        allowance = known.get((account, model, day), UNKNOWN)
        left = None
        if account in quotas:
            left = await balance_at_end(connection, account, day, quotas)
        report = _day_report(CellKey(day, day, account, model=model), figures, allowance)
        paid = None if left is None else figures.credits
        reports.append(replace(report, credits=paid, balance=left))
    return reports


def _day_report(key: CellKey, figures: Figures, allowance: Allowance) -> DayReport:
    return DayReport(
        day=key.day,
        account=key.account,
        model=key.model,
        calls=figures.calls,
        succeeded=figures.succeeded,
        failed=figures.failed,
        throttled=figures.throttled + figures.refused,
        in_flight=figures.in_flight,
        unseen=figures.unseen,
        rows=figures.rows,
        prompt_tokens=figures.prompt_tokens or None,
        completion_tokens=figures.completion_tokens or None,
        uncounted=figures.uncounted,
        spent=allowance.spent,
        limit=allowance.limit,
    )


async def allowances(connection: AsyncConnection) -> dict[tuple[str, str, str], Allowance]:
    """Returns the primary allowances by account, model (empty for the account) and quota day."""
    own = windows.c
    query = select(own.account, own.model, own.period_key, own.spent, own.limit)
    rows = await connection.execute(query.where(own.is_primary == 1))
    return {
        (account, model, day): Allowance(spent, limit) for account, model, day, spent, limit in rows
    }


async def balance_at_end(
    connection: AsyncConnection, account: str, day: str, credit_quotas: Mapping[str, str]
) -> int | None:
    """Returns an account's balance at the end of a quota day, in thousandths of a credit.

    It is the last balance seen in the day, less the cost of the calls since; None if none was seen.
    """
    ends_at = await connection.scalar(
        select(func.max(windows.c.resets_at_ms)).where(
            windows.c.account == account, windows.c.period_key == day
        )
    )
    seen = await balances.latest(connection, account, ends_at or NEVER)
    if seen is None:
        return None
    since = await connection.scalar(
        select(cost(credit_quotas)).where(
            calls.c.period_key == day,
            calls.c.account == account,
            calls.c.settled_at_ms > seen.until,
        )
    )
    return max(0, seen.available + seen.frozen - (since or 0))
