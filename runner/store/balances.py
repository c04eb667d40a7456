"""Queries on the samples of accounts' balances, one row for each change.

What they show about grants is inferred in core/grants.py. Functions take a connection inside the
caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.calendar import day_at
from runner.core.grants import BalanceSample
from runner.core.states import CallState
from runner.core.time_units import DAY_MS
from runner.store.tables import balances, calls


@dataclass(frozen=True, slots=True)
class SeenBalance:
    """A balance, in thousandths of a credit, that was the same at all samples from `at` to `until`.

    Attributes:
        charged: The cost of our calls since the previous balance.
        counted: The window's `spent` at this balance, from which the next `charged` is computed.
    """

    at: int
    until: int
    available: int
    frozen: int
    charged: int
    counted: int

    @property
    def sample(self) -> BalanceSample:
        """The sample from which the core infers grants."""
        return BalanceSample(self.at, self.until, self.available + self.frozen, self.charged)


async def latest(
    connection: AsyncConnection, account: str, before: int | None = None
) -> SeenBalance | None:
    """Returns the newest balance of `account`, among those first seen before a given moment."""
    query = select(balances).where(balances.c.account == account)
    if before is not None:
        query = query.where(balances.c.at_ms < before)
    row = (await connection.execute(query.order_by(balances.c.at_ms.desc()).limit(1))).first()
    return None if row is None else SeenBalance(*row[1:])


async def since(connection: AsyncConnection, account: str, moment: int) -> list[SeenBalance]:
    """Returns the balances of `account` that were still seen at `moment` or later, oldest first."""
    rows = await connection.execute(
        select(balances)
        .where(balances.c.account == account, balances.c.until_ms >= moment)
        .order_by(balances.c.at_ms)
    )
    return [SeenBalance(*row[1:]) for row in rows]


async def answered_calls(
    connection: AsyncConnection, account: str, moment: int
) -> list[tuple[int, str]]:
    """Returns the calls of `account` that were answered since `moment`, as (moment, model)."""
    first_day = day_at(moment - DAY_MS, "UTC").name  # the index is by quota day
    rows = await connection.execute(
        select(calls.c.settled_at_ms, calls.c.model)
        .where(
            calls.c.period_key >= first_day,
            calls.c.account == account,
            calls.c.state == CallState.DONE.value,
            calls.c.settled_at_ms >= moment,
        )
        .order_by(calls.c.settled_at_ms)
    )
    return [(row[0], row[1]) for row in rows]


async def note(
    connection: AsyncConnection,
    account: str,
    *,
    available: int,
    frozen: int,
    counted: tuple[int, int],
    now: int,
) -> None:
    """Stores a sample; `counted` is the window's `spent` before and after it."""
    last = await latest(connection, account)
    before, after = counted
    charged = 0 if last is None else max(0, before - last.counted)
    if last is not None and (last.available, last.frozen, charged) == (available, frozen, 0):
        await connection.execute(
            update(balances)
            .where(balances.c.account == account, balances.c.at_ms == last.at)
            .values(until_ms=max(now, last.until), counted=after)
        )
        return
    at = now if last is None else max(now, last.until + 1)  # a clock may be set back
    seen = SeenBalance(at, at, available, frozen, charged, after)
    values = {c.name: getattr(seen, c.name.removesuffix("_ms")) for c in list(balances.c)[1:]}
    await connection.execute(insert(balances).values(account=account, **values))
