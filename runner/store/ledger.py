"""The ledger in cells: what the calls of a quarter of an hour, a model and a batch came to.

Every report adds these up, so that all of them agree. Functions take a connection inside the
caller's short read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Label, and_, case, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.charging import UNCHARGED
from runner.core.period import Calendar, read_period
from runner.core.states import CallState
from runner.store.reports import BROKEN, UNCOUNTED, cost, credit_quotas
from runner.store.tables import calls, image_tasks, windows

QUARTER_MS = 900_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What some calls came to. They can be added.

    ``calls = answered + wasted + failed + throttled + refused + in_flight``.

    Attributes:
        calls: Calls sent; those that never left this machine are not counted.
        answered: Calls that brought rows to an end, or that the provider still works on.
        wasted: Calls that were answered, and brought no row to an end: no answer in it was valid.
        failed: Calls that brought none: faults, rejections, and ends that nobody saw.
        throttled: Calls refused for pace; they cost nothing.
        refused: Calls refused because an allowance was spent; likewise.
        in_flight: Calls whose end is still open.
        unseen: Of `failed`, those whose runner died first.
        charged: Calls that may have been charged.
        rows: Rows brought to an end.
        prompt_tokens: Tokens sent, as far as the provider counted them.
        completion_tokens: Tokens received, likewise.
        uncounted: Of those answered, calls of which the provider told no tokens.
        credits: What the calls cost, in thousandths of a credit, where a balance is known.
        latency_ms: How long the answered calls took, together.
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
        names = [one.name for one in fields(Figures)]
        return Figures(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def succeeded(self) -> int:
        """Calls that were answered, whatever the answer was worth."""
        return self.answered + self.wasted

    @property
    def tokens(self) -> int | None:
        """Tokens sent and received; None if the provider told of none, although it answered."""
        found = self.prompt_tokens + self.completion_tokens
        return found if found or not self.uncounted else None

    @property
    def rows_per_call(self) -> float | None:
        """Rows brought to an end by an answered call, on average."""
        return self.rows / self.succeeded if self.succeeded else None

    @property
    def mean_latency_s(self) -> float | None:
        """How long an answered call took, on average."""
        return self.latency_ms / self.succeeded / 1000 if self.succeeded else None


@dataclass(frozen=True, slots=True)
class Cell:
    """The calls of one quarter of an hour (number `quarter` since the epoch) that are alike."""

    quarter: int
    day: str  # the quota day; empty where no calendar counts
    account: str
    model: str
    batch_id: int | None
    client: str  # empty: it was made for a batch
    figures: Figures


async def cells(connection: AsyncConnection, batch_ids: Sequence[int] | None = None) -> list[Cell]:
    """The whole ledger, oldest first; or the calls of some batches."""
    quarter = _quarter()
    keys = (calls.c.period_key, calls.c.account, calls.c.model, calls.c.batch_id, calls.c.client)
    quotas = await credit_quotas(connection)
    query = (
        select(quarter, *keys, *_figures(), func.coalesce(cost(quotas), 0).label("credits"))
        .where(calls.c.state != CallState.LOCAL)
        .group_by(quarter, *keys)
        .order_by(quarter, *keys)
    )
    if batch_ids is not None:
        query = query.where(calls.c.batch_id.in_(batch_ids))
    return [_cell(row) for row in (await connection.execute(query)).mappings()]


def _quarter() -> Label[int]:
    whole: ColumnElement[int] = calls.c.reserved_at_ms.op("/")(literal_column(str(QUARTER_MS)))
    return whole.label("quarter")


def _cell(row: Any) -> Cell:
    figures = Figures(**{one.name: row[one.name] or 0 for one in fields(Figures)})
    return Cell(
        row["quarter"],
        row["period_key"],
        row["account"],
        row["model"],
        row["batch_id"],
        row["client"] or "",
        figures,
    )


def _figures() -> list[Label[Any]]:
    done = calls.c.state == CallState.DONE
    at_work = calls.c.id.in_(select(image_tasks.c.call_id))
    # A call that is of no batch is about no row: whatever answers it is useful.
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
        func.sum(calls.c.rows_finished).label("rows"),
        func.sum(calls.c.prompt_tokens).label("prompt_tokens"),
        func.sum(calls.c.completion_tokens).label("completion_tokens"),
        number(UNCOUNTED, "uncounted"),
        func.sum(case((done, took), else_=0)).label("latency_ms"),
    ]


@dataclass(frozen=True, slots=True)
class Lost:
    """Why so many calls of a quarter of an hour came to nothing."""

    quarter: int
    day: str  # as that of a cell
    account: str
    reason: str
    number: int


async def reasons(
    connection: AsyncConnection, batch_ids: Sequence[int] | None = None
) -> list[Lost]:
    """Why calls came to nothing, and when."""
    keys = (_quarter(), calls.c.period_key, calls.c.account, calls.c.state, calls.c.error)
    lost = calls.c.state.in_([*BROKEN, CallState.THROTTLED, CallState.SPENT])
    query = select(*keys, func.count().label("number")).where(lost).group_by(*keys).order_by(*keys)
    if batch_ids is not None:
        query = query.where(calls.c.batch_id.in_(batch_ids))
    found = await connection.execute(query)
    return [
        Lost(row.quarter, row.period_key, row.account, row.error or _WORDS[row.state], row.number)
        for row in found
    ]


_WORDS = {state.value: state.value for state in CallState} | {
    CallState.UNSEEN.value: "the runner died before the reply was seen"
}


async def zones(connection: AsyncConnection) -> dict[str, str]:
    """By account, the zone of the calendar that its allowance goes by."""
    query = select(windows.c.account, windows.c.period).where(
        windows.c.is_latest == literal_column("1")
    )
    found = {}
    for row in await connection.execute(query.order_by(windows.c.is_primary)):
        period = read_period(row.period, "UTC")
        if isinstance(period, Calendar):
            found[row.account] = period.zone
    return found
