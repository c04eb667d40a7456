"""Sums over calls of the ledger, which can be added, and the SQL expressions for them.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Label, and_, case, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.charging import UNCHARGED
from runner.core.period import read_period
from runner.core.states import CallState
from runner.core.window import Unit
from runner.store.expressions import ReservedAmount
from runner.store.tables import balances as balances_seen
from runner.store.tables import calls, image_tasks, windows

BROKEN = (
    CallState.UNSEEN,
    CallState.TRANSIENT,
    CallState.REJECTED,
    CallState.UNAUTHORISED,
    CallState.GONE,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers of calls, and sums over them; two values can be added.

    ``calls = answered + wasted + failed + throttled + refused + in_flight``.

    Attributes:
        calls: Calls sent, without those that never left this machine.
        answered: Calls that ended rows, or whose tasks the provider still works on.
        wasted: Calls that were answered but ended no row, as no answer was valid.
        failed: Calls without an answer: faults, rejections, and those whose end is unknown.
        throttled: Calls refused for pace, which cost nothing.
        refused: Calls refused because an allowance was spent, which cost nothing.
        in_flight: Calls that have not ended.
        unseen: The part of `failed` whose runner died before the reply.
        charged: Calls that may have been charged.
        rows: The number of rows that the calls have ended.
        prompt_tokens: The tokens sent, where the provider counted them.
        completion_tokens: The tokens received, where the provider counted them.
        uncounted: The number of answered calls without a count of tokens.
        credits: The cost of the calls in thousandths of a credit, where a balance is known.
        latency_ms: The total duration of the answered calls, in ms.
    """

    calls: int = 0
    answered: int = 0
    wasted: int = 0
    failed: int = 0
    throttled: int = 0
    refused: int = 0
    in_flight: int = 0
    unseen: int = 0
    charged: int = 0
    rows: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0
    credits: int = 0
    latency_ms: int = 0

    def __add__(self, other: Figures) -> Figures:
        names = [field.name for field in fields(Figures)]
        return Figures(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def succeeded(self) -> int:
        """The number of calls that were answered, with valid answers or not."""
        return self.answered + self.wasted

    @property
    def tokens(self) -> int | None:
        """The tokens sent and received; None if answered calls have no counts."""
        total = self.prompt_tokens + self.completion_tokens
        return total if total or not self.uncounted else None

    @property
    def rows_per_call(self) -> float | None:
        """The mean number of rows that an answered call has ended; None without such calls."""
        return self.rows / self.succeeded if self.succeeded else None

    @property
    def mean_latency_s(self) -> float | None:
        """The mean duration of an answered call in seconds; None without such calls."""
        return self.latency_ms / self.succeeded / 1000 if self.succeeded else None


_UNCOUNTED = and_(
    calls.c.state == CallState.DONE,
    calls.c.prompt_tokens.is_(None),
    calls.c.completion_tokens.is_(None),
)


def figure_columns(credit_quotas: Mapping[str, str]) -> list[Label[Any]]:
    """Returns the fields of `Figures`, in order, as SQL sums over calls of the ledger."""
    done = calls.c.state == CallState.DONE
    at_work = calls.c.id.in_(select(image_tasks.c.call_id))
    # A call for no batch has no row: any answer to it is useful.
    useful = or_(calls.c.rows_finished > 0, at_work, calls.c.batch_id.is_(None))
    free = [*(CallState(kind) for kind in UNCHARGED), CallState.RESERVED]

    def number(condition: ColumnElement[bool], name: str) -> Label[int]:
        return func.sum(case((condition, 1), else_=0)).label(name)

    took = calls.c.settled_at_ms - calls.c.reserved_at_ms
    return [
        func.count().label("calls"),
        number(and_(done, useful), "answered"),
        number(and_(done, ~useful), "wasted"),
        number(calls.c.state.in_(BROKEN), "failed"),
        number(calls.c.state == CallState.THROTTLED, "throttled"),
        number(calls.c.state == CallState.SPENT, "refused"),
        number(calls.c.state == CallState.RESERVED, "in_flight"),
        number(calls.c.state == CallState.UNSEEN, "unseen"),
        number(calls.c.state.not_in(free), "charged"),
        func.coalesce(func.sum(calls.c.rows_finished), 0).label("rows"),
        func.coalesce(func.sum(calls.c.prompt_tokens), 0).label("prompt_tokens"),
        func.coalesce(func.sum(calls.c.completion_tokens), 0).label("completion_tokens"),
        number(_UNCOUNTED, "uncounted"),
        func.coalesce(cost(credit_quotas), 0).label("credits"),
        func.sum(case((done, took), else_=0)).label("latency_ms"),
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


async def zones(connection: AsyncConnection) -> dict[str, str]:
    """Returns, by account, the time zone of its quota's calendar."""
    query = select(windows.c.account, windows.c.period).where(
        windows.c.is_latest == literal_column("1")
    )
    by_account = {}
    for row in await connection.execute(query.order_by(windows.c.is_primary)):
        if (zone := read_period(row.period, "UTC").zone) is not None:
            by_account[row.account] = zone
    return by_account
