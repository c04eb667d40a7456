"""Measures the quality of answers: votes, known answers, reviews, packed against single rows.

It reads page by page and keeps counts only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from runner.app.results.rows import LEAST_AGREEMENT, PAGE, Reading, check_of, results, voters
from runner.app.reviews import label_counts, review_rows
from runner.app.reviews.label_counts import LabelCounts
from runner.core.agreement import Accuracy, Agreement, AnswerTally, Comparison, Pair, vote
from runner.jobfile import JobFile
from runner.jobfile.kinds import Answers
from runner.store import batch_rows, reviews
from runner.store.batches import Batch
from runner.store.reviews import Review


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of a batch's answers, where there is something to compare them with.

    Attributes:
        agreement: The agreement of votes, and with known answers; None if there are neither.
        check: The agreement of packed rows with the same rows asked alone; None without a check.
        labels: The rows by answer, where a review replaces the models' answer; empty if answers
            are not labels.
        people: The accuracy of the models against reviews; None without reviews.
        to_review: The number of rows that still need a review.
        reviewed: The number of reviewed rows by reviewer.
    """

    agreement: Agreement | None = None
    check: Pair | None = None
    labels: tuple[tuple[str, int], ...] = ()
    people: Accuracy | None = None
    to_review: int = 0
    reviewed: tuple[tuple[str, int], ...] = ()


async def quality(reading: Reading, parts: Sequence[Batch]) -> Quality:
    """Measures the quality of a batch, given with its parts."""
    jobfile = JobFile.from_json(parts[0].job_json)
    if jobfile.job.traits.answers is not Answers.TEXT:
        return Quality()
    counts = LabelCounts(jobfile.answer)
    agreement = None
    if jobfile.job.votes > 1 or jobfile.job.gold:
        agreement = await _agreement(reading, parts, counts)
    else:
        await label_counts.count_stored(reading, parts[0], counts)
    people = Comparison()
    async for review, answer in _reviews(reading, parts):
        people.add(review.answer, answer)
        counts.replace(answer, review.answer)
    async with reading() as connection:
        by_reviewer = await reviews.by_reviewer(connection, parts[0])
    return Quality(
        agreement,
        await _check_agreement(reading, parts),
        counts.listed(),
        people.accuracy(),
        len((await review_rows.find(reading, parts)).left),
        tuple(by_reviewer),
    )


async def _agreement(reading: Reading, parts: Sequence[Batch], counts: LabelCounts) -> Agreement:
    """Compares the models' answers row by row, and counts them."""
    tally = AnswerTally([_rater(part) for part in voters(parts)])
    async for page in results(reading, parts):
        for row in page:
            if not row.open:
                counts.add(row.model_answer)
                tally.add([vote_row.answer for vote_row in row.votes], row.right)
    return tally.agreement()


def _rater(part: Batch) -> str:
    number = part.part.removeprefix("vote ") or "1"
    return f"{number}: {' or '.join(part.models)}"


async def _reviews(
    reading: Reading, parts: Sequence[Batch]
) -> AsyncIterator[tuple[Review, str | None]]:
    """Yields each review with the models' answer to the same row."""
    whole, *others = voters(parts)
    first = whole.first_job
    while whole.reviews_made:
        async with reading() as connection:
            standing = await reviews.standing(connection, first, whole.last_job, PAGE)
            of_parts = [
                await batch_rows.answers(
                    connection, [job_id + part.first_job - whole.first_job for job_id in standing]
                )
                for part in (whole, *others)
            ]
        for review, *answers in zip(standing.values(), *of_parts, strict=True):
            yield review, vote(answers, LEAST_AGREEMENT).value
        if len(standing) < PAGE:
            return
        first = max(standing) + 1


async def _check_agreement(reading: Reading, parts: Sequence[Batch]) -> Pair | None:
    """Compares rows that shared a call with the same rows asked alone."""
    check = check_of(parts)
    if check is None:
        return None
    tally = AnswerTally(("packed", "alone"))
    for start in range(0, check.rows_loaded, PAGE):
        async with reading() as connection:
            alone = await batch_rows.export_page(
                connection, check, check.first_job + start - 1, PAGE
            )
            twins = [_job_of_same_row(parts[0], check, row.job_id) for row in alone]
            packed = await batch_rows.answers(connection, twins)
        for row, answer in zip(alone, packed, strict=True):
            tally.add((answer, row.answer))
    return tally.agreement().pairs[0]


def _job_of_same_row(whole: Batch, check: Batch, job_id: int) -> int:
    """Returns the id of the batch's own job for the row of a job of the check."""
    return whole.first_job + (job_id - check.first_job) * check.row_step
