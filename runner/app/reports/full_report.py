"""The report of the ledger with all that a page shows beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.reports.reporting import Grouping, Report, ReportLine, ReportQuery, make_report
from runner.app.results.rows import Reading
from runner.app.reviews.quality import Quality
from runner.app.status.status import Status
from runner.core.message_pattern import pattern_of
from runner.language import _
from runner.store import batch_rows, batches, ledger
from runner.store.batches import Batch

MOST_REASONS = 8
MOST_BATCHES = 4
MOST_ANSWERS = 12


@dataclass(frozen=True, slots=True)
class FullReport:
    """A report of the ledger, and what a page shows beside it.

    Attributes:
        report: The ledger.
        made_at: When it was read (ms since the epoch).
        models: The ledger by model.
        reasons: The reasons of failed and refused calls, with their numbers.
        answers: The most frequent answers by batch, with their numbers of rows.
        quality: The quality of the answers, in a report of one batch.
        finish: The forecast end of the queue (ms since the epoch), and its number of rows; None if
            nothing is queued or there is no forecast.
    """

    report: Report
    made_at: int
    models: Sequence[ReportLine] = ()
    reasons: Sequence[tuple[str, int]] = ()
    answers: Sequence[tuple[str, Sequence[tuple[str, int]]]] = ()
    quality: Quality | None = None
    finish: tuple[int, int] | None = None


async def add_details(reading: Reading, report: Report, status: Status) -> FullReport:
    """Reads what a page shows beside `report`; `status` holds the forecasts of the queue."""
    wanted = report.wanted
    by_model = ReportQuery((Grouping.MODEL,), wanted.since, wanted.until, wanted.batch)
    models = (await make_report(reading, by_model)).lines
    async with reading() as connection:
        every = await batches.list_batches(connection)
        own = [b for b in every if wanted.batch is None or wanted.batch.id in (b.id, b.part_of)]
        ids = None if wanted.batch is None else [batch.id for batch in own]
        lost = await ledger.reasons(connection, wanted.chosen(ids))
        labelled = _labelled(own) if wanted.batch is None else []
        answers = [answers async for answers in _answers(connection, labelled)]
    finish = _finish(status, {batch.id for batch in own})
    return FullReport(report, status.at, models, _grouped(lost), answers, finish=finish)


async def _answers(
    connection: AsyncConnection, labelled: Sequence[Batch]
) -> AsyncIterator[tuple[str, list[tuple[str, int]]]]:
    """Yields the name and the most frequent answers of each batch that has few."""
    for batch in labelled:
        common = await batch_rows.common_answers(
            connection, batch.first_job, batch.last_job, MOST_ANSWERS
        )
        if 1 < len(common) < MOST_ANSWERS:
            yield _("{name} (batch {id})").format(name=batch.name, id=batch.id), common


def _labelled(batches: list[Batch]) -> list[Batch]:
    """Returns the newest batches with answers."""
    whole = [b for b in batches if b.part_of is None and not b.is_trial and b.counts.succeeded]
    return whole[::-1][:MOST_BATCHES]


def _grouped(lost: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Groups reasons that differ in numbers and quoted words only, under the first of them."""
    counts, first = Counter[str](), dict[str, str]()
    for error, number in lost:
        pattern = pattern_of(error)
        counts[pattern] += number
        first.setdefault(pattern, error)
    return [(first[pattern], number) for pattern, number in counts.most_common(MOST_REASONS)]


def _finish(status: Status, own: set[int]) -> tuple[int, int] | None:
    open_lines = [line for line in status.batches if line.batch.id in own and not line.batch.over]
    times = [line.forecast.finishes_at for line in open_lines if line.forecast]
    known = [at for at in times if at is not None]
    if not known or len(known) < len(open_lines):
        return None
    return max(known), sum(line.batch.left for line in open_lines)
