"""The ledger in cells: sums over calls, grouped by day, account and any further fields.

Every report adds cells up, so that all reports agree. Functions take a connection inside the
caller's short read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import CallState
from runner.store import call_totals as totals
from runner.store.call_totals import ALWAYS_APART, CellKey
from runner.store.figures import BROKEN, Figures
from runner.store.tables import calls
from runner.store.total_tables import call_totals


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filter of calls.

    Attributes:
        batch_ids: The ids of the batches; None for all calls.
        since: The first day, YYYY-MM-DD; empty for no limit.
        until: The last day, YYYY-MM-DD; empty for no limit.
    """

    batch_ids: Sequence[int] | None = None
    since: str = ""
    until: str = ""

    def includes(self, day: str) -> bool:
        """Whether a day, YYYY-MM-DD, is in the range."""
        return (not self.since or day >= self.since) and (not self.until or day <= self.until)


ALL = Chosen()


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the calls of the ledger.

    Attributes:
        cells: The cells by key, in order.
        hours: By day, the number of calls in each of its hours.
    """

    cells: Mapping[CellKey, Figures]
    hours: Mapping[str, tuple[int, ...]]


async def read(
    connection: AsyncConnection, apart: Collection[str] = (), chosen: Chosen = ALL
) -> Sums:
    """Adds the ledger up by day and account, and by the fields of `CellKey` in `apart`."""
    basis = await totals.read_basis(connection)
    valid = await totals.valid_blocks(connection, basis)
    which = await _of_totals(connection, valid, chosen)
    keys = [*ALWAYS_APART, *(name for name in apart if name not in ALWAYS_APART)]
    cells = defaultdict(Figures, await totals.read_totals(connection, keys, which))
    hours: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 24)
    for day, hour, number in await totals.read_hours(connection, which):
        hours[day][hour] += number
    newest = totals.unstored(valid)
    if chosen.batch_ids is not None:
        newest &= calls.c.batch_id.in_(chosen.batch_ids)
    for key, figures in (await totals.read_calls(connection, basis, newest)).items():
        if chosen.includes(key.day):
            cells[_only(key, keys)] += figures
            hours[key.day][key.hour] += figures.calls
    ordered = sorted(cells, key=lambda key: [getattr(key, name) or "" for name in ALWAYS_APART])
    return Sums(
        {key: cells[key] for key in ordered},
        {day: tuple(counts) for day, counts in sorted(hours.items())},
    )


async def last_made(connection: AsyncConnection) -> int | None:
    """Returns when the newest call was made (ms since the epoch); None if there is none."""
    query = select(calls.c.reserved_at_ms).order_by(calls.c.id.desc()).limit(1)
    return (await connection.execute(query)).scalar()


async def _of_totals(
    connection: AsyncConnection, valid: Sequence[int], chosen: Chosen
) -> list[ColumnElement[bool]]:
    """Returns the conditions for the stored sums to use: those of valid blocks that are chosen."""
    which: list[ColumnElement[bool]] = []
    stored = await connection.scalars(select(call_totals.c.block).distinct())
    if invalid := set(stored) - set(valid):
        which.append(call_totals.c.block.not_in(invalid))
    if chosen.batch_ids is not None:
        which.append(call_totals.c.batch_id.in_(chosen.batch_ids))
    if chosen.since:
        which.append(call_totals.c.day >= chosen.since)
    if chosen.until:
        which.append(call_totals.c.day <= chosen.until)
    return which


def _only(key: CellKey, keys: Collection[str]) -> CellKey:
    """Returns a key with only the fields `keys`; the others have their defaults."""
    bare = CellKey(key.day, key.period_key, key.account)
    return replace(bare, **{name: getattr(key, name) for name in keys})


async def reasons(connection: AsyncConnection, chosen: Chosen = ALL) -> list[tuple[str, int]]:
    """Returns the reasons of calls that failed or were refused, with the number of calls."""
    basis, numbers = await totals.read_basis(connection), Counter[str]()
    # The key of a daily period is the day; for a monthly one the moment of the call is needed.
    is_a_day = func.length(calls.c.period_key) == totals.DAY_LENGTH
    quarter = case((is_a_day, 0), else_=totals.quarter_of_calls()).label("quarter")
    keys = (quarter, calls.c.period_key, calls.c.account, calls.c.state, calls.c.error)
    lost = calls.c.state.in_([*BROKEN, CallState.THROTTLED, CallState.SPENT])
    query = select(*keys, func.count().label("number")).where(lost).group_by(*keys).order_by(*keys)
    if chosen.batch_ids is not None:
        query = query.where(calls.c.batch_id.in_(chosen.batch_ids))
    for row in await connection.execute(query):
        if chosen.includes(basis.day(row.account, row.period_key, row.quarter)):
            numbers[row.error or _WORDS[row.state]] += row.number
    return list(numbers.items())


_WORDS = {state.value: state.value for state in CallState} | {
    CallState.UNSEEN.value: "the runner died before the reply was seen"
}
