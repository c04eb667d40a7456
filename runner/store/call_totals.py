"""Stored sums of the ledger, by hour and by block of consecutive calls.

A block is added up once all of its calls have ended. So a report reads some hundred hours and the
newest calls, however many calls there were. The sums of a call that has ended may still change (by
a late answer, or a failure that is tried again): `forget` then invalidates its block, which is
added up again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import ColumnElement, Label, bindparam, delete, func, insert, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import CallState
from runner.store.database import Database
from runner.store.figures import Figures, credit_quotas, figure_columns, zones
from runner.store.statement import Statement
from runner.store.tables import calls, image_tasks
from runner.store.total_tables import call_blocks, call_totals

BLOCK = 5_000
"""The number of calls in a block; block n begins with call ``n * BLOCK + 1``."""
QUARTER_MS = 900_000  # the offsets of all time zones are multiples of a quarter of an hour
DAY_LENGTH = len("YYYY-MM-DD")

_FIGURES = tuple(field.name for field in fields(Figures))
_FORGET = Statement(delete(call_blocks).where(call_blocks.c.block == bindparam("block")))


@dataclass(frozen=True, slots=True)
class CellKey:
    """The common properties of the calls of a cell.

    Attributes:
        day: The day by the account's calendar, YYYY-MM-DD.
        period_key: The quota day or month; empty without a calendar.
        account: The account.
        hour: The hour by the account's clock.
        model: The model.
        batch_id: The batch that they were made for; None for no batch.
        client: The client of the server that they were made for; empty for none.

    A field that calls are not grouped by has its default value.
    """

    day: str
    period_key: str
    account: str
    hour: int = 0
    model: str = ""
    batch_id: int | None = None
    client: str = ""


ALWAYS_APART = ("day", "period_key", "account")
Cells = Mapping[CellKey, Figures]


@dataclass(frozen=True)
class Basis:
    """What sums depend on beside the calls: time zones and quotas of credits, by account."""

    zones: Mapping[str, str]
    credit_quotas: Mapping[str, str]

    def of(self, accounts: Collection[str]) -> str:
        """Returns the part for some accounts, as a text to compare."""
        part = {name: [self.zones.get(name), self.credit_quotas.get(name)] for name in accounts}
        return orjson.dumps(part, option=orjson.OPT_SORT_KEYS).decode()

    def agrees_with(self, stored: str) -> bool:
        """Whether a text that `of` returned earlier still describes its accounts."""
        return self.of(orjson.loads(stored).keys()) == stored

    def moment(self, account: str, quarter: int) -> datetime:
        """Returns the beginning of a quarter of an hour in an account's time zone."""
        moment = datetime.fromtimestamp(quarter * QUARTER_MS / 1000, UTC)
        return moment.astimezone(self._clocks[self.zones.get(account, "UTC")])

    def day(self, account: str, period_key: str, quarter: int) -> str:
        """Returns the quota day of a call, or its day by the account's clock, YYYY-MM-DD."""
        if len(period_key) == DAY_LENGTH:
            return period_key
        return f"{self.moment(account, quarter):%Y-%m-%d}"

    @cached_property
    def _clocks(self) -> dict[str, ZoneInfo]:
        return {zone: ZoneInfo(zone) for zone in {"UTC", *self.zones.values()}}


async def read_basis(connection: AsyncConnection) -> Basis:
    """Returns the present basis."""
    return Basis(await zones(connection), await credit_quotas(connection))


# ---- writing


async def add_up(database: Database) -> None:
    """Adds up the blocks that have ended and have no valid sums, each in its own transaction.

    Raises:
        StoreError: The database cannot be read or written.
    """
    async with database.read() as connection:
        basis = await read_basis(connection)
        blocks = sorted(await _ended(connection) - set(await valid_blocks(connection, basis)))
    for block in blocks:
        async with database.write() as connection:
            # Another process may have changed the basis, or stored the same sums, since.
            basis = await read_basis(connection)
            if block not in await valid_blocks(connection, basis, block):
                await _add_block(connection, block, basis)


async def valid_blocks(
    connection: AsyncConnection, basis: Basis, only: int | None = None
) -> list[int]:
    """Returns the blocks with valid stored sums, in order; with `only`, at most that block."""
    query = select(call_blocks.c.block, call_blocks.c.basis).order_by(call_blocks.c.block)
    if only is not None:
        query = query.where(call_blocks.c.block == only)
    stored = [tuple(row) for row in await connection.execute(query)]
    agrees = {text: basis.agrees_with(text) for text in {text for _, text in stored}}
    return [block for block, text in stored if agrees[text]]


async def forget(connection: AsyncConnection, call_ids: Collection[int]) -> None:
    """Invalidates the stored sums of the blocks of these calls, whose figures change."""
    await _FORGET.run(connection, [{"block": block} for block in {*map(_block, call_ids)}])


async def _ended(connection: AsyncConnection) -> set[int]:
    """Returns the complete blocks whose calls have all ended."""
    last = await connection.scalar(select(func.max(calls.c.id))) or 0
    reserved = select(calls.c.id).where(calls.c.state == literal_column("'reserved'"))
    open_calls = reserved.union_all(select(image_tasks.c.call_id))
    busy = {_block(call) for call in await connection.scalars(open_calls)}
    return set(range(last // BLOCK)) - busy


def _block(call_id: int) -> int:
    return (call_id - 1) // BLOCK


async def _add_block(connection: AsyncConnection, block: int, basis: Basis) -> None:
    cells = await read_calls(connection, basis, calls.c.id.between(*_span(block)))
    await connection.execute(delete(call_blocks).where(call_blocks.c.block == block))
    await connection.execute(delete(call_totals).where(call_totals.c.block == block))
    accounts = {key.account for key in cells}
    await connection.execute(insert(call_blocks).values(block=block, basis=basis.of(accounts)))
    rows = [
        {name: getattr(key, name) for name in CellKey.__slots__}
        | {name: getattr(figures, name) for name in _FIGURES}
        | {"block": block, "number": number}
        for number, (key, figures) in enumerate(cells.items())
    ]
    if rows:
        await connection.execute(insert(call_totals), rows)


def _span(block: int) -> tuple[int, int]:
    return block * BLOCK + 1, (block + 1) * BLOCK


# ---- reading


def quarter_of_calls() -> ColumnElement[int]:
    """Returns an SQL expression for a call's quarter of an hour, counted from the epoch."""
    return calls.c.reserved_at_ms.op("/")(literal_column(str(QUARTER_MS)))


async def read_calls(
    connection: AsyncConnection, basis: Basis, which: ColumnElement[bool]
) -> dict[CellKey, Figures]:
    """Returns sums over some calls, read from the calls themselves, grouped by all fields."""
    quarter = quarter_of_calls().label("quarter")
    keys = (calls.c.period_key, calls.c.account, calls.c.model, calls.c.batch_id, calls.c.client)
    query = (
        select(quarter, *keys, *figure_columns(basis.credit_quotas))
        .where(calls.c.state != CallState.LOCAL, which)
        .group_by(quarter, *keys)
    )
    cells: defaultdict[CellKey, Figures] = defaultdict(Figures)
    for row in await connection.execute(query):
        number, period_key, account, model, batch_id, client, *figures = row
        day, hour = basis.day(account, period_key, number), basis.moment(account, number).hour
        key = CellKey(day, period_key, account, hour, model, batch_id, client or "")
        cells[key] += Figures(*figures)
    return dict(cells)


def unstored(valid: Sequence[int]) -> ColumnElement[bool]:
    """Returns the SQL condition for calls outside the `valid` blocks."""
    spans = list(_gaps(valid))
    first, last = spans[-1][0], spans[:-1]
    which: ColumnElement[bool] = calls.c.id >= literal_column(str(first))
    for begin, end in last:
        which = which | calls.c.id.between(begin, end)
    return which


def _gaps(valid: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields the spans of calls between blocks; the last one is open, and always present."""
    behind = 0
    for block in valid:
        first, last = _span(block)
        if first > behind + 1:
            yield behind + 1, first - 1
        behind = last
    yield behind + 1, 0


async def read_totals(
    connection: AsyncConnection, keys: Collection[str], which: Sequence[ColumnElement[bool]]
) -> dict[CellKey, Figures]:
    """Returns stored sums of blocks, grouped by these fields of `CellKey`."""
    columns = [call_totals.c[name] for name in keys]
    sums: list[Label[Any]] = [func.sum(call_totals.c[name]).label(name) for name in _FIGURES]
    query = select(*columns, *sums).where(*which).group_by(*columns)
    cells = {}
    for row in await connection.execute(query):
        values = dict(zip(keys, row, strict=False))
        cells[CellKey(**values)] = Figures(*row[len(columns) :])
    return cells


async def read_hours(
    connection: AsyncConnection, which: Sequence[ColumnElement[bool]]
) -> list[tuple[str, int, int]]:
    """Returns the numbers of calls in stored blocks, as (day, hour, number)."""
    columns = (call_totals.c.day, call_totals.c.hour)
    query = select(*columns, func.sum(call_totals.c.calls)).where(*which).group_by(*columns)
    return [(day, hour, number) for day, hour, number in await connection.execute(query)]
