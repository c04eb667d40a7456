"""Keyset pagination of the rows of a batch, with filters and text search.

The cost of a page does not depend on its place. A search that no index serves scans `SEARCHED`
rows at a time, and the caller continues from there. Functions take a connection inside the
caller's short read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import ROW_STATES
from runner.store.batches import Batch
from runner.store.tables import jobs, results, rows

PAGE = 50
SEARCHED = 20_000
"""The largest number of rows that are scanned for one page."""
LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter of rows, and the place of the page.

    Attributes:
        state: One of `ROW_STATES`; empty for all.
        text: A text that the row, its answer or its error must contain; empty for any.
        after: The number of the row after which the page begins; 0 for the first page.
    """

    state: str = ""
    text: str = ""
    after: int = 0


@dataclass(frozen=True, slots=True)
class RowLine:
    """A row in a list; long texts are truncated."""

    number: int  # from 1
    state: str
    body: str
    answer: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page of rows.

    Attributes:
        lines: The rows.
        searched_to: The number of the last row that was scanned.
        more: Whether there are rows after it.
    """

    lines: tuple[RowLine, ...]
    searched_to: int
    more: bool


async def rows_page(connection: AsyncConnection, batch: Batch, wanted: RowFilter) -> RowPage:
    """Returns the next page of rows of `batch` that match `wanted`."""
    end = batch.rows_loaded
    # The failed jobs have an index of their own, in their order.
    indexed = wanted.state == "failed" and not wanted.text
    filtered = bool(wanted.state or wanted.text)
    last = end if indexed or not filtered else min(end, wanted.after + SEARCHED)
    query = _query(batch, wanted, last)
    matches = (await connection.execute(query)).all()
    lines = tuple(
        RowLine(row.id - batch.first_job + 1, _word(row.state), row.body, row.answer, row.error)
        for row in matches[:PAGE]
    )
    if len(matches) > PAGE:
        return RowPage(lines, lines[-1].number, more=True)
    return RowPage(lines, last, more=last < end)


def _query(batch: Batch, wanted: RowFilter, last: int) -> Select[Any]:
    first_job = batch.first_job
    cut = {name: func.substr(results.c[name], 1, LONGEST_TEXT) for name in ("answer", "error")}
    row_id: ColumnElement[int] = literal_column(str(batch.first_row - first_job)) + jobs.c.id
    return (
        select(
            jobs.c.id,
            jobs.c.state,
            func.substr(rows.c.body, 1, LONGEST_TEXT).label("body"),
            *(value.label(name) for name, value in cut.items()),
        )
        .select_from(jobs)
        .join(rows, rows.c.id == row_id)
        .outerjoin(results, results.c.job_id == jobs.c.id)
        .where(jobs.c.id.between(first_job + wanted.after, first_job + last - 1))
        .where(*_conditions(wanted))
        .order_by(jobs.c.id)
        .limit(PAGE + 1)
    )


def _conditions(wanted: RowFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state:
        # As literals: otherwise the partial index of the failed jobs would not be used.
        states: list[ColumnElement[str]] = [
            literal_column(f"'{state.value}'") for state in ROW_STATES[wanted.state]
        ]
        conditions.append(or_(*(jobs.c.state == state for state in states)))
    if wanted.text:
        texts = (rows.c.body, results.c.answer, results.c.error)
        conditions.append(or_(*(text.contains(wanted.text, autoescape=True) for text in texts)))
    return conditions


def _word(state: str) -> str:
    return next(word for word, states in ROW_STATES.items() if state in states)
