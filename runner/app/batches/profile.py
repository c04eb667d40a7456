"""The profile of a batch: its job, its outcome and its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.app.results.rows import Reading
from runner.jobfile import JobFile
from runner.store import batch_rows, failures, reports
from runner.store.batches import Batch
from runner.store.failures import FailureGroup
from runner.store.reports import DayReport

MOST_ANSWERS = 12
MOST_CAUSES = 5


@dataclass(frozen=True, slots=True)
class Profile:
    """The details of a batch.

    Attributes:
        parts: The batch itself, followed by its parts.
        jobfile: Its job file.
        replaces: The batches that it replaced.
        answers: The most frequent short answers, with their numbers of rows.
        causes: The causes of failed rows, the most frequent first.
        days: Its cost by day.
    """

    parts: tuple[Batch, ...]
    jobfile: JobFile
    replaces: tuple[Batch, ...]
    answers: tuple[tuple[str, int], ...]
    causes: tuple[FailureGroup, ...]
    days: tuple[DayReport, ...]

    @property
    def batch(self) -> Batch:
        """The batch itself."""
        return self.parts[0]

    @property
    def tokens(self) -> int | None:
        """The tokens sent and received; None if they are not known."""
        known = [day.tokens for day in self.days if day.tokens is not None]
        return sum(known) if known else None


async def profile(reading: Reading, every: Sequence[Batch], parts: Sequence[Batch]) -> Profile:
    """Reads the profile of a batch, given with its parts; `every` holds all batches."""
    whole = parts[0]
    async with reading() as connection:
        answers = await batch_rows.common_answers(
            connection, whole.first_job, whole.last_job, MOST_ANSWERS
        )
        causes = await failures.causes(connection, parts, MOST_CAUSES)
        days = await reports.daily(connection, batch_ids=[part.id for part in parts])
    replaces = tuple(b for b in every if b.replaced_by == whole.id and b.part_of is None)
    jobfile = JobFile.from_json(whole.job_json)
    return Profile(tuple(parts), jobfile, replaces, tuple(answers), tuple(causes), tuple(days))
