"""Reports of calls spent: the ledger by day, hour, model, account or batch, in any combination.

All figures are sums of the same cells, so whatever is grouped in whichever way adds up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.rows import Reading
from runner.store import batches, ledger, reports
from runner.store.batches import Batch
from runner.store.call_totals import CellKey
from runner.store.figures import Figures, credit_quotas
from runner.store.figures import zones as read_zones
from runner.store.ledger import Chosen
from runner.store.reports import UNKNOWN, Allowance

DELETED = "deleted"
FOR_BATCHES = "(batches)"


class By(StrEnum):
    """What the lines of a report are about; each has a column of its own."""

    DAY = "day"
    HOUR = "hour"
    ACCOUNT = "account"
    MODEL = "model"
    BATCH = "batch"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is to be about.

    Attributes:
        by: What its lines are about.
        since: The first day, YYYY-MM-DD; empty: the first there is.
        until: The last day, likewise.
        batch: The only batch whose calls count; None: all calls.
        balances: Whether it tells what days have cost in credits, and what was left of them.
    """

    by: tuple[By, ...] = (By.DAY,)
    since: str = ""
    until: str = ""
    batch: Batch | None = None
    balances: bool = True

    def chosen(self, batch_ids: Sequence[int] | None) -> Chosen:
        """The calls that it is about: those of these batches; None: all in its days."""
        return Chosen(batch_ids, self.since, self.until)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a report.

    Attributes:
        labels: What it is about, by the name of the column.
        figures: What its calls came to.
        spent: What of the allowance counts as spent: by the windows, strangers included; where
            only some of the calls are meant, by their number.
        limit: The allowance; None where it is not known, or means nothing here.
        balance: The credits left at the end of the day, in thousandths; None as above.
        paid: Whether its calls cost credits, as far as a balance was seen.
    """

    labels: Mapping[str, str]
    figures: Figures
    spent: int | None = None
    limit: int | None = None
    balance: int | None = None
    paid: bool = False

    @property
    def share(self) -> float | None:
        """The share of the allowance that was spent; from 0 on."""
        return self.spent / self.limit if self.spent is not None and self.limit else None


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        wanted: What was asked for.
        lines: In the order of their labels.
        total: Their sum.
        days: By day, whatever the lines are about.
        hours: By day, the calls of each hour of it, from 0 to 23.
        zones: By account, the zone of whose clock the days and hours are.
    """

    wanted: Wanted
    lines: tuple[Line, ...]
    total: Line
    days: tuple[Line, ...]
    hours: Mapping[str, tuple[int, ...]]
    zones: Mapping[str, str]


_APART: Mapping[By, str] = {
    By.HOUR: "hour",
    By.MODEL: "model",
    By.BATCH: "batch_id",
    By.CLIENT: "client",
}
_Found = Sequence[tuple[CellKey, Figures]]


async def make_report(reading: Reading, wanted: Wanted) -> Report:
    """Read the ledger, and add up what is wanted of it."""
    async with reading() as connection:
        family = None
        if wanted.batch is not None:
            family = [part.id for part in await batches.parts_of(connection, wanted.batch.id)]
        apart = [_APART[by] for by in wanted.by if by in _APART]
        sums = await ledger.read(connection, apart, wanted.chosen(family))
        zones = await read_zones(connection)
        names = {one.id: one for one in await batches.list_batches(connection)}
        paid = await _read_balances(connection, sums.cells) if wanted.balances else {}
        allowances = _Allowances(await reports.allowances(connection), paid)
    make = _LineMaker(_Labels(names), allowances, some=family is not None)
    found = list(sums.cells.items())
    return Report(
        wanted,
        make.lines(found, wanted.by),
        make.line({}, found, (By.DAY,)),
        make.lines(found, (By.DAY,)),
        sums.hours,
        {key.account: zones.get(key.account, "UTC") for key in sums.cells},
    )


@dataclass(frozen=True, slots=True)
class _Allowances:
    """What is known of the allowances that the calls of a report were made on.

    Attributes:
        known: By account, model and quota day.
        balances: By account and quota day, the credits left at its end, in thousandths; only of
            days by whose end a balance was seen.
    """

    known: Mapping[tuple[str, str, str], Allowance]
    balances: Mapping[tuple[str, str], int]


async def _read_balances(
    connection: AsyncConnection, cells: Iterable[CellKey]
) -> dict[tuple[str, str], int]:
    quotas = await credit_quotas(connection)
    found = {}
    for account, day in dict.fromkeys((one.account, one.period_key) for one in cells):
        if account in quotas:
            left = await reports.balance_at_end(connection, account, day, quotas)
            if left is not None:
                found[account, day] = left
    return found


@dataclass(frozen=True, slots=True)
class _Labels:
    """What the calls of a cell are called, as people say it."""

    batches: Mapping[int, Batch]

    def batch(self, cell: CellKey) -> str:
        """The batch that the calls were made for, with its parts; empty: for none."""
        if cell.batch_id is None:
            return ""
        batch = self.batches.get(cell.batch_id)
        if batch is None:
            return f"{cell.batch_id} ({DELETED})"
        whole = self.batches.get(batch.part_of or batch.id, batch)
        return f"{whole.id} {whole.name}"

    def of(self, cell: CellKey, by: Sequence[By]) -> dict[str, str]:
        """The labels of the line to which a cell belongs.

        A day is one of an account's calendar, so the account is named with it.
        """
        reads: dict[By, Callable[[CellKey], str]] = {
            By.DAY: lambda one: one.day,
            By.HOUR: lambda one: f"{one.day} {one.hour:02}:00",
            By.ACCOUNT: lambda one: one.account,
            By.MODEL: lambda one: one.model,
            By.BATCH: self.batch,
            By.CLIENT: lambda one: one.client or FOR_BATCHES,
        }
        named = [*by, *([By.ACCOUNT] if By.DAY in by or By.HOUR in by else [])]
        return {key.value: reads[key](cell) for key in dict.fromkeys(named)}


@dataclass(frozen=True, slots=True)
class _LineMaker:
    """Makes lines of cells; `some`: they are not all calls that there were."""

    labels: _Labels
    allowances: _Allowances
    some: bool

    def lines(self, found: _Found, by: Sequence[By]) -> tuple[Line, ...]:
        """The cells in groups, in the order of their labels."""
        groups: dict[tuple[str, ...], list[tuple[CellKey, Figures]]] = defaultdict(list)
        labels: dict[tuple[str, ...], dict[str, str]] = {}
        for cell in found:
            own = self.labels.of(cell[0], by)
            key = tuple(own.values())
            groups[key].append(cell)
            labels[key] = own
        return tuple(self.line(labels[key], groups[key], by) for key in sorted(groups))

    def line(self, labels: Mapping[str, str], found: _Found, by: Sequence[By]) -> Line:
        """The sum of some cells."""
        figures = sum((figures for _, figures in found), Figures())
        days = {(c.account, c.model if By.MODEL in by else "", c.period_key) for c, _ in found}
        allowances = [self.allowances.known.get(day, UNKNOWN) for day in sorted(days)]
        own = [one for one in allowances if one.limit and one.spent is not None]
        some = self.some or By.BATCH in by or By.CLIENT in by
        spent = figures.charged if some else sum(one.spent or 0 for one in own)
        known = bool(own) and By.HOUR not in by
        whole_day = len(days) == 1 and not some and by == (By.DAY,)
        paid = [(account, day) for account, _, day in days if (account, day) in self._balances]
        return Line(
            labels,
            figures,
            spent if known else None,
            sum(one.limit or 0 for one in own) if known else None,
            self._balances[paid[0]] if whole_day and labels and paid else None,
            bool(paid),
        )

    @property
    def _balances(self) -> Mapping[tuple[str, str], int]:
        return self.allowances.balances
