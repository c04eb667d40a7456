"""Reports of calls spent: the ledger by day, hour, model, account or batch, in any combination.

All figures are sums of the same cells, so whatever is grouped in whichever way adds up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.rows import Reading
from runner.store import batches, ledger, reports
from runner.store.batches import Batch
from runner.store.ledger import QUARTER_MS, Cell, Figures, Lost
from runner.store.reports import DayReport

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
    """

    by: tuple[By, ...] = (By.DAY,)
    since: str = ""
    until: str = ""
    batch: Batch | None = None

    def includes(self, day: str) -> bool:
        """Whether it is about a day, YYYY-MM-DD."""
        return (not self.since or day >= self.since) and (not self.until or day <= self.until)


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


async def make_report(reading: Reading, wanted: Wanted) -> Report:
    """Read the ledger, and add up what is wanted of it."""
    async with reading() as connection:
        family = None
        if wanted.batch is not None:
            family = [part.id for part in await batches.parts_of(connection, wanted.batch.id)]
        found = await ledger.cells(connection, family)
        zones = await ledger.zones(connection)
        names = {one.id: one for one in await batches.list_batches(connection)}
        allowances = await reports.daily(connection)
        of_models = await reports.daily(connection, by_model=True)
    places = _Places(zones, names)
    chosen = [cell for cell in found if wanted.includes(places.day(cell))]
    windows = {(one.account, one.model, one.day): one for one in (*allowances, *of_models)}
    make = _LineMaker(places, windows, some=family is not None)
    return Report(
        wanted,
        make.lines(chosen, wanted.by),
        make.line({}, chosen, (By.DAY,)),
        make.lines(chosen, (By.DAY,)),
        _hours(chosen, places),
        {cell.account: places.zone(cell.account) for cell in chosen},
    )


async def lost_calls(
    connection: AsyncConnection, wanted: Wanted, ids: list[int] | None
) -> list[Lost]:
    """Why calls came to nothing, on the days that are wanted; `ids`: of some batches only."""
    places = _Places(await ledger.zones(connection), {})
    found = await ledger.reasons(connection, ids)
    return [one for one in found if wanted.includes(places.day(one))]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where and when the calls of a cell were made, as people say it."""

    zones: Mapping[str, str]
    batches: Mapping[int, Batch]

    def day(self, cell: Cell | Lost) -> str:
        """The day by the provider's calendar; where it counts by months, the day of the month."""
        return cell.day if len(cell.day) == len("YYYY-MM-DD") else f"{self._moment(cell):%Y-%m-%d}"

    def zone(self, account: str) -> str:
        """The zone of the account's calendar; UTC where it has none."""
        return self.zones.get(account, "UTC")

    def hour(self, cell: Cell) -> int:
        """The hour by the provider's clock."""
        return self._moment(cell).hour

    def batch(self, cell: Cell) -> str:
        """The batch that the calls were made for, with its parts; empty: for none."""
        if cell.batch_id is None:
            return ""
        batch = self.batches.get(cell.batch_id)
        if batch is None:
            return f"{cell.batch_id} ({DELETED})"
        whole = self.batches.get(batch.part_of or batch.id, batch)
        return f"{whole.id} {whole.name}"

    def _moment(self, cell: Cell | Lost) -> datetime:
        zone = ZoneInfo(self.zone(cell.account))
        return datetime.fromtimestamp(cell.quarter * QUARTER_MS / 1000, UTC).astimezone(zone)

    def labels(self, cell: Cell, by: Sequence[By]) -> dict[str, str]:
        """The labels of the line to which a cell belongs.

        A day is one of an account's calendar, so the account is named with it.
        """
        reads: dict[By, Callable[[Cell], str]] = {
            By.DAY: self.day,
            By.HOUR: lambda one: f"{self.day(one)} {self.hour(one):02}:00",
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

    places: _Places
    windows: Mapping[tuple[str, str, str], DayReport]
    some: bool

    def lines(self, found: Sequence[Cell], by: Sequence[By]) -> tuple[Line, ...]:
        """The cells in groups, in the order of their labels."""
        groups: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
        labels: dict[tuple[str, ...], dict[str, str]] = {}
        for cell in found:
            own = self.places.labels(cell, by)
            key = tuple(own.values())
            groups[key].append(cell)
            labels[key] = own
        return tuple(self.line(labels[key], groups[key], by) for key in sorted(groups))

    def line(self, labels: Mapping[str, str], found: Sequence[Cell], by: Sequence[By]) -> Line:
        """The sum of some cells."""
        figures = sum((cell.figures for cell in found), Figures())
        days = self._windows(found, by)
        own = [one for one in days if one.limit and one.spent is not None]
        some = self.some or By.BATCH in by or By.CLIENT in by
        spent = figures.charged if some else sum(one.spent or 0 for one in own)
        known = bool(own) and By.HOUR not in by
        whole_day = len(days) == 1 and not some and by == (By.DAY,)
        balance = days[0].balance if whole_day and labels else None
        return Line(
            labels,
            figures,
            spent if known else None,
            sum(one.limit or 0 for one in own) if known else None,
            balance,
            any(self._is_paid(cell) for cell in found),
        )

    def _windows(self, found: Sequence[Cell], by: Sequence[By]) -> list[DayReport]:
        """The days of accounts, or of models on them, that these calls were part of."""
        keys = {(c.account, c.model if By.MODEL in by else "", c.day) for c in found}
        return [one for key in sorted(keys) if (one := self.windows.get(key)) is not None]

    def _is_paid(self, cell: Cell) -> bool:
        one = self.windows.get((cell.account, "", cell.day))
        return one is not None and one.credits is not None


def _hours(found: Sequence[Cell], places: _Places) -> dict[str, tuple[int, ...]]:
    hours: dict[str, list[int]] = defaultdict(lambda: [0] * 24)
    for cell in found:
        hours[places.day(cell)][places.hour(cell)] += cell.figures.calls
    return {day: tuple(counts) for day, counts in sorted(hours.items())}
