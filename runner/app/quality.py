"""How good the answers of a batch are: votes, right answers, packed rows asked alone.

It reads page by page, and keeps counts only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.app.rows import LEAST_AGREEMENT, PAGE, Reading, check_of, results, voters
from runner.core.agreement import Agreement, Pair, Tally
from runner.jobfile import JobFile
from runner.store import batch_rows
from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the answers of a batch are, as far as they can be compared.

    Attributes:
        agreement: Of its votes with each other and with the right answers; None: neither is there.
        check: Of the rows that were asked alone, too: packed against single; None: none was.
    """

    agreement: Agreement | None = None
    check: Pair | None = None


async def quality(reading: Reading, family: Sequence[Batch]) -> Quality:
    """Compare what can be compared."""
    job = JobFile.from_json(family[0].job_json).job
    tally = Tally([_rater(part) for part in voters(family)], LEAST_AGREEMENT)
    if job.votes > 1 or job.gold:
        async for page in results(reading, family):
            for row in page:
                if row.open:
                    continue
                answers = [one.answer for one in row.votes]
                tally.add(answers, row.right)
    compared = tally.agreement() if job.votes > 1 or job.gold else None
    return Quality(compared, await _checked(reading, family))


def _rater(part: Batch) -> str:
    number = part.part.removeprefix("vote ") or "1"
    return f"{number}: {' or '.join(part.models)}"


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
