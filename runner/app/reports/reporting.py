"""Reports of calls spent: the ledger grouped by any of day, hour, account, model, batch and client.

All figures are sums of the same cells, so totals agree for every grouping.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.results.rows import Reading
from runner.store import batches, ledger, reports
from runner.store.batches import Batch
from runner.store.call_totals import CellKey
from runner.store.figures import Figures, credit_quotas
from runner.store.figures import zones as read_zones
from runner.store.ledger import Chosen
from runner.store.reports import UNKNOWN, Allowance

DELETED = "deleted"
FOR_BATCHES = "(batches)"


class Grouping(StrEnum):
    """The groupings of a report; each adds a column."""

    DAY = "day"
    HOUR = "hour"
    ACCOUNT = "account"
    MODEL = "model"
    BATCH = "batch"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """A query for a report.

    Attributes:
        by: The groupings.
        since: The first day, YYYY-MM-DD; empty: unbounded.
        until: The last day, YYYY-MM-DD; empty: unbounded.
        batch: The batch whose calls are counted; None: all calls.
        balances: Whether to report the credits left at the end of each day.
    """

    by: tuple[Grouping, ...] = (Grouping.DAY,)
    since: str = ""
    until: str = ""
    batch: Batch | None = None
    balances: bool = True

    def chosen(self, batch_ids: Sequence[int] | None) -> Chosen:
        """Returns the selection of calls in the query's days; None selects all batches."""
        return Chosen(batch_ids, self.since, self.until)


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One group of calls in a report.

    Attributes:
        labels: The group's values, by column name.
        figures: The sums of its calls.
        spent: The used allowance: from the windows, which include the calls of other programs, or
            the charged calls if the report covers only some of the calls.
        limit: The allowance; None if unknown or not applicable.
        balance: The credits left at the end of the day, in thousandths; None if unknown or not
            applicable.
        paid: Whether its calls cost credits, according to the balance samples.
    """

    labels: Mapping[str, str]
    figures: Figures
    spent: int | None = None
    limit: int | None = None
    balance: int | None = None
    paid: bool = False

    @property
    def share(self) -> float | None:
        """The used share of the allowance, at least 0; None if unknown."""
        return self.spent / self.limit if self.spent is not None and self.limit else None


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        wanted: The query.
        lines: The groups, sorted by their labels.
        total: The sum of all groups.
        days: The groups by day, independent of the query's groupings.
        hours: The numbers of calls in the hours 0 to 23, by day.
        zones: The time zone of the days and hours, by account.
    """

    wanted: ReportQuery
    lines: tuple[ReportLine, ...]
    total: ReportLine
    days: tuple[ReportLine, ...]
    hours: Mapping[str, tuple[int, ...]]
    zones: Mapping[str, str]


_COLUMNS: Mapping[Grouping, str] = {
    Grouping.HOUR: "hour",
    Grouping.MODEL: "model",
    Grouping.BATCH: "batch_id",
    Grouping.CLIENT: "client",
}
_Cells = Sequence[tuple[CellKey, Figures]]


async def make_report(reading: Reading, wanted: ReportQuery) -> Report:
    """Reads the ledger, and sums up the cells that the query selects."""
    async with reading() as connection:
        part_ids = None
        if wanted.batch is not None:
            part_ids = [part.id for part in await batches.parts_of(connection, wanted.batch.id)]
        apart = [_COLUMNS[by] for by in wanted.by if by in _COLUMNS]
        sums = await ledger.read(connection, apart, wanted.chosen(part_ids))
        zones = await read_zones(connection)
        names = {batch.id: batch for batch in await batches.list_batches(connection)}
        paid = await _read_balances(connection, sums.cells) if wanted.balances else {}
        allowances = _Allowances(await reports.allowances(connection), paid)
    make = _LineMaker(_Labels(names), allowances, some=part_ids is not None)
    cells = list(sums.cells.items())
    return Report(
        wanted,
        make.lines(cells, wanted.by),
        make.line({}, cells, (Grouping.DAY,)),
        make.lines(cells, (Grouping.DAY,)),
        sums.hours,
        {key.account: zones.get(key.account, "UTC") for key in sums.cells},
    )


@dataclass(frozen=True, slots=True)
class _Allowances:
    """The known allowances for the calls of a report.

    Attributes:
        known: The allowances by account, model and quota day.
        balances: The credits left at the end of a quota day, in thousandths, by account and day;
            days without a balance sample are missing.
    """

    known: Mapping[tuple[str, str, str], Allowance]
    balances: Mapping[tuple[str, str], int]


async def _read_balances(
    connection: AsyncConnection, cells: Iterable[CellKey]
) -> dict[tuple[str, str], int]:
    quotas = await credit_quotas(connection)
    balances = {}
    for account, day in dict.fromkeys((cell.account, cell.period_key) for cell in cells):
        if account in quotas:
            left = await reports.balance_at_end(connection, account, day, quotas)
            if left is not None:
                balances[account, day] = left
    return balances


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels of cells."""

    batches: Mapping[int, Batch]

    def batch(self, cell: CellKey) -> str:
        """Returns the id and name of the batch of the calls; empty if they have none."""
        if cell.batch_id is None:
            return ""
        batch = self.batches.get(cell.batch_id)
        if batch is None:
            return f"{cell.batch_id} ({DELETED})"
        whole = self.batches.get(batch.part_of or batch.id, batch)
        return f"{whole.id} {whole.name}"

    def of(self, cell: CellKey, by: Sequence[Grouping]) -> dict[str, str]:
        """Returns the labels of the line to which a cell belongs.

        Days depend on the account's calendar, so the account is always named with a day or an hour.
        """
        reads: dict[Grouping, Callable[[CellKey], str]] = {
            Grouping.DAY: lambda each: each.day,
            Grouping.HOUR: lambda each: f"{each.day} {each.hour:02}:00",
            Grouping.ACCOUNT: lambda each: each.account,
            Grouping.MODEL: lambda each: each.model,
            Grouping.BATCH: self.batch,
            Grouping.CLIENT: lambda each: each.client or FOR_BATCHES,
        }
        named = [*by, *([Grouping.ACCOUNT] if Grouping.DAY in by or Grouping.HOUR in by else [])]
        return {key.value: reads[key](cell) for key in dict.fromkeys(named)}


@dataclass(frozen=True, slots=True)
class _LineMaker:
    """Makes lines from cells; `some`: whether the cells are only a part of all calls."""

    labels: _Labels
    allowances: _Allowances
    some: bool

    def lines(self, cells: _Cells, by: Sequence[Grouping]) -> tuple[ReportLine, ...]:
        """Groups the cells; returns the groups sorted by their labels."""
        groups: dict[tuple[str, ...], list[tuple[CellKey, Figures]]] = defaultdict(list)
        labels: dict[tuple[str, ...], dict[str, str]] = {}
        for cell in cells:
            own = self.labels.of(cell[0], by)
            key = tuple(own.values())
            groups[key].append(cell)
            labels[key] = own
        return tuple(self.line(labels[key], groups[key], by) for key in sorted(groups))

    def line(self, labels: Mapping[str, str], cells: _Cells, by: Sequence[Grouping]) -> ReportLine:
        """Returns the sum of some cells."""
        figures = sum((figures for _, figures in cells), Figures())
        days = {
            (c.account, c.model if Grouping.MODEL in by else "", c.period_key) for c, _ in cells
        }
        allowances = [self.allowances.known.get(day, UNKNOWN) for day in sorted(days)]
        own = [
            allowance for allowance in allowances if allowance.limit and allowance.spent is not None
        ]
        some = self.some or Grouping.BATCH in by or Grouping.CLIENT in by
        spent = figures.charged if some else sum(allowance.spent or 0 for allowance in own)
        known = bool(own) and Grouping.HOUR not in by
        whole_day = len(days) == 1 and not some and by == (Grouping.DAY,)
        paid = [(account, day) for account, _, day in days if (account, day) in self._balances]
        return ReportLine(
            labels,
            figures,
            spent if known else None,
            sum(allowance.limit or 0 for allowance in own) if known else None,
            self._balances[paid[0]] if whole_day and labels and paid else None,
            bool(paid),
        )

    @property
    def _balances(self) -> Mapping[tuple[str, str], int]:
        return self.allowances.balances
