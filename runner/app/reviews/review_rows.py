"""Selects the rows of a batch to review: marked rows, or rows that match a selection.

It finds row numbers, page by page; it neither shows nor stores anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import orjson

from runner import exact_json
from runner.app.progress import OnProgress, unseen_progress
from runner.app.results.export import AddedColumns
from runner.app.results.rows import (
    LEAST_AGREEMENT,
    Reading,
    RowReader,
    RowResult,
    results,
    right_answer,
)
from runner.core.agreement import vote
from runner.core.review import reasons
from runner.files import ALL, Selection
from runner.files.input_errors import require_columns
from runner.jobfile import JobFile
from runner.jobfile.kinds import Answers
from runner.store import disputed, reviews
from runner.store.batches import Batch
from runner.store.disputed import Disputed
from runner.threads import in_thread


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """Which rows to review.

    Attributes:
        every: Whether to include rows that are not marked.
        selection: A selection among them, by their columns and results.
    """

    every: bool = False
    selection: Selection = ALL

    def __bool__(self) -> bool:
        return self.every or bool(self.selection)


MARKED = ReviewQuery()
# The most rows of a batch that are searched, which takes about a second with votes.
MOST_COUNTED = 100_000


@dataclass(slots=True)
class RowsToReview:
    """The selected row numbers, from 1: those without a review, and those with one."""

    left: list[int] = field(default_factory=list)
    reviewed: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """The number of rows that need a review, and of failed rows that a review has answered."""

    to_review: int = 0
    answered: int = 0


async def review_counts(reading: Reading, parts: Sequence[Batch]) -> ReviewCounts:
    """Counts the reviews of a finished batch, given with its parts; zeros for a very long one."""
    whole = parts[0]
    if whole.rows > MOST_COUNTED or not all(part.done for part in parts):
        return ReviewCounts()
    job = JobFile.from_json(whole.job_json).job
    if job.traits.answers is not Answers.TEXT:
        return ReviewCounts()
    answered = 0
    if whole.reviews_made:
        async with reading() as connection:
            answered = await reviews.count_answered_failures(connection, whole)
    if len(parts) == 1 and not job.gold and not whole.counts.failed:
        return ReviewCounts(answered=answered)  # nothing marks any of its rows
    return ReviewCounts(len((await find(reading, parts)).left), answered)


async def find(
    reading: Reading,
    parts: Sequence[Batch],
    wanted: ReviewQuery = MARKED,
    on_progress: OnProgress = unseen_progress,
) -> RowsToReview:
    """Returns the selected rows of a batch, which is given with its parts.

    If marked rows are selected, every row with a review counts as reviewed, marked or not.

    Raises:
        InputError: A condition names a column that does not exist.
    """
    if wanted:
        return await _find_selected(reading, parts, wanted, on_progress)
    whole, reader, rows_found, searched = parts[0], RowReader.of(parts), RowsToReview(), 0
    while searched < whole.rows_loaded:
        numbers, searched = await _find_marked(reading, reader, searched + 1)
        rows_found.left += numbers
        on_progress(searched, whole.rows_loaded)
    async with reading() as connection:
        standing = await reviews.standing(connection, whole.first_job, whole.last_job)
    rows_found.reviewed += [job_id - whole.first_job + 1 for job_id in standing]
    return rows_found


async def next_marked(
    reading: Reading, parts: Sequence[Batch], after: int, most: int
) -> tuple[int | None, int]:
    """Returns the number of the first marked row after `after`, and the last row searched.

    The search ends after `most` pages without one; a caller may continue from there.
    """
    reader, searched = RowReader.of(parts), after
    while searched < parts[0].rows_loaded and most:
        numbers, searched = await _find_marked(reading, reader, searched + 1, most=1)
        if numbers:
            return numbers[0], numbers[0]
        most -= 1
    return None, searched


async def _find_marked(
    reading: Reading, reader: RowReader, first: int, most: int = disputed.SEARCHED
) -> tuple[list[int], int]:
    """Returns a page of marked rows without a review, and the last row searched."""
    async with reading() as connection:
        rows, last = await disputed.search(
            connection,
            reader.voters,
            reader.check,
            first,
            every=bool(reader.gold),
            most=most,
        )
    return await in_thread(_marked, rows, reader.gold), last


def _marked(rows: Sequence[Disputed], gold: str) -> list[int]:
    return [row.number for row in rows if _is_marked(row, gold)]


def _is_marked(row: Disputed, gold: str) -> bool:
    right = right_answer(row.body, gold) if gold and row.body is not None else None
    return bool(reasons(row.answers, vote(row.answers, LEAST_AGREEMENT), row.alone, right))


async def _find_selected(
    reading: Reading, parts: Sequence[Batch], wanted: ReviewQuery, on_progress: OnProgress
) -> RowsToReview:
    whole, matching = parts[0], list[tuple[int, bool]]()
    columns, added = orjson.loads(whole.columns_json), AddedColumns.of(parts)
    names = JobFile.from_json(whole.job_json).output.names(added.names, columns)
    where = wanted.selection.where
    require_columns(
        Path(whole.input), [condition.column for condition in where], (*columns, *names)
    )
    async for page in results(reading, parts):
        for row in page:
            if _is_wanted(row, wanted) and (
                not where or _matches(row, wanted.selection, names, added)
            ):
                matching.append((row.number, row.review is not None))
        on_progress(page[-1].number, whole.rows_loaded)
    rows_found = RowsToReview()
    for number, is_reviewed in _sampled(matching, wanted.selection):
        (rows_found.reviewed if is_reviewed else rows_found.left).append(number)
    return rows_found


def _is_wanted(row: RowResult, wanted: ReviewQuery) -> bool:
    """Whether a row is finished, and is marked or was until its review."""
    return not row.open and (wanted.every or bool(row.review_reasons))


def _matches(
    row: RowResult, selection: Selection, names: Sequence[str], added: AddedColumns
) -> bool:
    values = dict(exact_json.loads(row.first.payload))
    values.update(zip(names, added.values(row), strict=True))
    return all(condition.matches(values) for condition in selection.where)


def _sampled(
    matching: Sequence[tuple[int, bool]], selection: Selection
) -> Sequence[tuple[int, bool]]:
    """Draws the sample, which does not change while its rows are reviewed."""
    if selection.sample is not None:
        size = selection.sample.of(len(matching))
        drawn = Random(0).sample(range(len(matching)), size)  # noqa: S311 - repeatable
        matching = [matching[place] for place in sorted(drawn)]
    return matching[: selection.limit]
