"""Reads the additional sections of a report page: models, reasons, answers and the forecast."""

from __future__ import annotations

from collections import Counter

from runner.app.report_page import Extras
from runner.app.reporting import Grouping, ReportQuery, make_report
from runner.app.responses import Status
from runner.app.rows import Reading
from runner.core.message_pattern import pattern_of
from runner.language import _
from runner.store import batches, ledger, stories
from runner.store.batches import Batch

MOST_REASONS = 8
MOST_BATCHES = 4
MOST_ANSWERS = 12


async def extras(reading: Reading, wanted: ReportQuery, status: Status) -> Extras:
    """Reads the additional sections; `status` holds the forecasts of the queue."""
    by_model = ReportQuery((Grouping.MODEL,), wanted.since, wanted.until, wanted.batch)
    models = (await make_report(reading, by_model)).lines
    async with reading() as connection:
        every = await batches.list_batches(connection)
        own = [b for b in every if wanted.batch is None or wanted.batch.id in (b.id, b.part_of)]
        ids = None if wanted.batch is None else [batch.id for batch in own]
        lost = await ledger.reasons(connection, wanted.chosen(ids))
        answers = []
        for batch in _labelled(own if wanted.batch is None else []):
            answers_of_batch = await stories.common_answers(
                connection, batch.first_job, batch.last_job, MOST_ANSWERS
            )
            if 1 < len(answers_of_batch) < MOST_ANSWERS:
                answers.append(
                    (
                        _("{name} (batch {id})").format(name=batch.name, id=batch.id),
                        answers_of_batch,
                    )
                )
    return Extras(models, _grouped(lost), answers, _finish(status, {b.id for b in own}))


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
    known = [line.forecast for line in open_lines if line.forecast and not line.forecast.beyond]
    if not known or len(known) < len(open_lines):
        return None
    left = sum(line.batch.left for line in open_lines)
    return max(one.finish_at for one in known), left
