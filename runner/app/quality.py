"""How good the answers of a batch are: votes, right answers, people, packed rows asked alone.

It reads page by page, and keeps counts only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from runner.app import label_counts, review_rows
from runner.app.label_counts import LabelCounts
from runner.app.rows import (
    LEAST_AGREEMENT,
    PAGE,
    Reading,
    check_of,
    results,
    voters,
)
from runner.core.agreement import Accuracy, Agreement, Comparison, Pair, Tally, vote
from runner.jobfile import JobFile
from runner.store import batch_rows, reviews
from runner.store.batches import Batch
from runner.store.reviews import Review


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the answers of a batch are, as far as they can be compared.

    Attributes:
        agreement: Of its votes with each other and with the right answers; None: neither is there.
        check: Of the rows that were asked alone, too: packed against single; None: none was.
        labels: How many rows have each answer, a person's before the models'; empty where answers
            are not labels.
        people: The models' answers against those of people; None: nobody has answered.
        to_review: Rows that a person should look at, and none has.
        reviewed: Who has looked at rows, and at how many.
    """

    agreement: Agreement | None = None
    check: Pair | None = None
    labels: tuple[tuple[str, int], ...] = ()
    people: Accuracy | None = None
    to_review: int = 0
    reviewed: tuple[tuple[str, int], ...] = ()


async def quality(reading: Reading, family: Sequence[Batch]) -> Quality:
    """Compare what can be compared; `family` is the batch and its parts."""
    jobfile = JobFile.from_json(family[0].job_json)
    if jobfile.job.kind != "chat":
        return Quality()
    counts = LabelCounts(jobfile.answer)
    agreement = None
    if jobfile.job.votes > 1 or jobfile.job.gold:
        agreement = await _compared(reading, family, counts)
    else:
        await label_counts.count_stored(reading, family[0], counts)
    people = Comparison()
    async for review, answer in _reviewed(reading, family):
        people.add(review.answer, answer)
        counts.replace(answer, review.answer)
    async with reading() as connection:
        by_reviewer = await reviews.by_reviewer(connection, family[0])
    return Quality(
        agreement,
        await _checked(reading, family),
        counts.listed(),
        people.accuracy(),
        len((await review_rows.find(reading, family)).left),
        tuple(by_reviewer),
    )


async def _compared(reading: Reading, family: Sequence[Batch], counts: LabelCounts) -> Agreement:
    """The models' answers, row by row; they are counted on the way."""
    tally = Tally([_rater(part) for part in voters(family)])
    async for page in results(reading, family):
        for row in page:
            if not row.open:
                counts.add(row.model_answer)
                tally.add([one.answer for one in row.votes], row.right)
    return tally.agreement()


def _rater(part: Batch) -> str:
    number = part.part.removeprefix("vote ") or "1"
    return f"{number}: {' or '.join(part.models)}"


async def _reviewed(
    reading: Reading, family: Sequence[Batch]
) -> AsyncIterator[tuple[Review, str | None]]:
    """What people have answered, and what the models had."""
    whole, *others = voters(family)
    first = whole.first_job
    while whole.reviews_made:
        async with reading() as connection:
            found = await reviews.standing(connection, first, whole.last_job, PAGE)
            of_parts = [
                await batch_rows.answers(
                    connection, [job_id + part.first_job - whole.first_job for job_id in found]
                )
                for part in (whole, *others)
            ]
        for review, *answers in zip(found.values(), *of_parts, strict=True):
            yield review, vote(answers, LEAST_AGREEMENT).value
        if len(found) < PAGE:
            return
        first = max(found) + 1


async def _checked(reading: Reading, family: Sequence[Batch]) -> Pair | None:
    """How far rows that shared a call agree with the same rows asked alone."""
    check = check_of(family)
    if check is None:
        return None
    tally = Tally(("packed", "alone"))
    for start in range(0, check.rows_loaded, PAGE):
        async with reading() as connection:
            alone = await batch_rows.export_page(
                connection, check, check.first_job + start - 1, PAGE
            )
            twins = [_twin(family[0], check, row.job_id) for row in alone]
            packed = await batch_rows.answers(connection, twins)
        for row, answer in zip(alone, packed, strict=True):
            tally.add((answer, row.answer))
    return tally.agreement().pairs[0]


def _twin(whole: Batch, check: Batch, job_id: int) -> int:
    """The job of the batch itself that is about the same row."""
    return whole.first_job + (job_id - check.first_job) * check.row_step
