"""Which rows of a batch a person is to look at: those that are marked, or that were chosen.

It finds their numbers, page by page; it shows none, and stores nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import orjson

from runner import exact_json
from runner.app.export import AddedColumns
from runner.app.rows import (
    LEAST_AGREEMENT,
    Reading,
    RowReader,
    RowResult,
    results,
    right_answer,
)
from runner.app.submission import OnProgress, unseen_progress
from runner.core.agreement import vote
from runner.core.review import reasons
from runner.files import ALL, Selection
from runner.files.input_errors import require_columns
from runner.jobfile import JobFile
from runner.store import disputed, reviews
from runner.store.batches import Batch
from runner.store.disputed import Disputed


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to look at.

    Attributes:
        every: Whether rows that are not marked are wanted, too.
        selection: Which of them, by their columns and their results.
    """

    every: bool = False
    selection: Selection = ALL

    def __bool__(self) -> bool:
        return self.every or bool(self.selection)


MARKED = Wanted()


@dataclass(slots=True)
class Found:
    """The numbers of rows, from 1: those that nobody has looked at, and those somebody has."""

    left: list[int] = field(default_factory=list)
    reviewed: list[int] = field(default_factory=list)


async def find(
    reading: Reading,
    family: Sequence[Batch],
    wanted: Wanted = MARKED,
    on_progress: OnProgress = unseen_progress,
) -> Found:
    """The rows of a batch, given with its parts, that are wanted.

    If marked rows are wanted, every row with a review counts as reviewed, marked or not.

    Raises:
        InputError: A condition names a column that is not there.
    """
    if wanted:
        return await _chosen(reading, family, wanted, on_progress)
    whole, reader, found, searched = family[0], RowReader.of(family), Found(), 0
    while searched < whole.rows_loaded:
        numbers, searched = await _marked(reading, reader, searched + 1)
        found.left += numbers
        on_progress(searched, whole.rows_loaded)
    async with reading() as connection:
        standing = await reviews.standing(connection, whole.first_job, whole.last_job)
    found.reviewed += [job_id - whole.first_job + 1 for job_id in standing]
    return found


async def next_marked(
    reading: Reading, family: Sequence[Batch], after: int, most: int
) -> tuple[int | None, int]:
    """Return the number of the first marked row behind `after`, and how far was searched.

    The search ends after `most` pages without one; a caller may continue from there.
    """
    reader, searched = RowReader.of(family), after
    while searched < family[0].rows_loaded and most:
        numbers, searched = await _marked(reading, reader, searched + 1, most=1)
        if numbers:
            return numbers[0], numbers[0]
        most -= 1
    return None, searched


async def _marked(
    reading: Reading, reader: RowReader, first: int, most: int = disputed.SEARCHED
) -> tuple[list[int], int]:
    """Return a page of marked rows that nobody has reviewed, and how far was searched."""
    async with reading() as connection:
        found, last = await disputed.search(
            connection,
            reader.voters,
            reader.check,
            first,
            every=bool(reader.gold),
            most=most,
        )
    return [one.number for one in found if _is_marked(one, reader.gold)], last


def _is_marked(one: Disputed, gold: str) -> bool:
    right = right_answer(one.body, gold) if gold and one.body is not None else None
    return bool(reasons(one.answers, vote(one.answers, LEAST_AGREEMENT), one.alone, right))


async def _chosen(
    reading: Reading, family: Sequence[Batch], wanted: Wanted, on_progress: OnProgress
) -> Found:
    whole, matching = family[0], list[tuple[int, bool]]()
    columns, added = orjson.loads(whole.columns_json), AddedColumns.of(family)
    names = JobFile.from_json(whole.job_json).output.names(added.names, columns)
    where = wanted.selection.where
    require_columns(Path(whole.input), [one.column for one in where], (*columns, *names))
    async for page in results(reading, family):
        for row in page:
            if _is_wanted(row, wanted) and (
                not where or _matches(row, wanted.selection, names, added)
            ):
                matching.append((row.number, row.review is not None))
        on_progress(page[-1].number, whole.rows_loaded)
    found = Found()
    for number, is_reviewed in _sampled(matching, wanted.selection):
        (found.reviewed if is_reviewed else found.left).append(number)
    return found


def _is_wanted(row: RowResult, wanted: Wanted) -> bool:
    """Whether a row has ended, and is marked, or was until somebody looked at it."""
    return not row.open and (wanted.every or bool(row.doubts))


def _matches(
    row: RowResult, selection: Selection, names: Sequence[str], added: AddedColumns
) -> bool:
    values = dict(exact_json.loads(row.first.payload))
    values.update(zip(names, added.values(row), strict=True))
    return all(condition.matches(values) for condition in selection.where)


def _sampled(
    matching: Sequence[tuple[int, bool]], selection: Selection
) -> Sequence[tuple[int, bool]]:
    """Draw the sample; it stays the same while its rows are reviewed."""
    if selection.sample is not None:
        size = selection.sample.of(len(matching))
        drawn = Random(0).sample(range(len(matching)), size)  # noqa: S311 - repeatable
        matching = [matching[place] for place in sorted(drawn)]
    return matching[: selection.limit]
