"""Combines the results of a batch's rows: its own answers, its votes, and reviews.

It reads page by page, in the order of the input, and writes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from runner import column_names, exact_json
from runner.core import review
from runner.core.agreement import Vote, vote
from runner.core.review import Reason
from runner.core.states import JobState
from runner.store import batch_rows, reviews
from runner.store.batch_rows import ExportRow
from runner.store.batches import CHECK, Batch
from runner.store.reviews import Review

PAGE = 1_000
# A vote with a smaller share of agreeing answers needs a review.
LEAST_AGREEMENT = 0.6

Reading = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row of the input with its result.

    Attributes:
        number: The row number, from 1.
        first: The batch's own result; with votes, the combined answer is in `vote`.
        votes: The result of each vote, the batch's own first; a single one without votes.
        vote: The combined vote; None without votes.
        review: The review, whose answer takes precedence.
        alone: The answer of the check, which asked the row alone; None if there is none yet.
        right: The known right answer, if any.
    """

    number: int
    first: ExportRow
    votes: tuple[ExportRow, ...]
    vote: Vote | None = None
    review: Review | None = None
    alone: str | None = None
    right: str | None = None

    @property
    def open(self) -> bool:
        """Whether it is unfinished, because a vote is."""
        return any(vote_row.state not in _ENDS for vote_row in self.votes)

    @property
    def state(self) -> str:
        """The row's state: it is finished once every vote is, or once it is reviewed."""
        if self.review is not None:
            return JobState.SUCCEEDED
        open_votes = [vote_row.state for vote_row in self.votes if vote_row.state not in _ENDS]
        if open_votes:
            return open_votes[0]
        return JobState.FAILED if self.answer is None else JobState.SUCCEEDED

    @property
    def answer(self) -> str | None:
        """The review's answer, or else the models'."""
        return self.model_answer if self.review is None else self.review.answer

    @property
    def model_answer(self) -> str | None:
        """The model's answer, or the majority's once all votes are finished."""
        if self.vote is None:
            return self.first.answer
        return None if self.open else self.vote.value

    @property
    def model(self) -> str | None:
        """The models that gave the answer."""
        models = [
            vote_row.model
            for vote_row in self.votes
            if vote_row.answer == self.answer and vote_row.model
        ]
        return ", ".join(dict.fromkeys(models)) or None

    @property
    def error(self) -> str | None:
        """Why there is no answer."""
        errors = [vote_row.error for vote_row in self.votes if vote_row.error]
        return None if self.answer is not None else next(iter(errors), None)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it needs a review; empty if it does not, is reviewed, or is unfinished.

        For a reviewed row, `review_reasons` still holds the reasons.
        """
        return () if self.review is not None or self.open else self.review_reasons

    @property
    def review_reasons(self) -> tuple[Reason, ...]:
        """Why it needs, or needed, a review, judged by the finished votes."""
        answers = [vote_row.answer for vote_row in self.votes]
        combined = self.vote or vote(answers, LEAST_AGREEMENT)
        return review.reasons(answers, combined, self.alone, self.right)


_ENDS = frozenset({JobState.SUCCEEDED.value, JobState.FAILED.value})


def voters(parts: Sequence[Batch]) -> list[Batch]:
    """Returns the voting parts of a batch, the batch itself first."""
    return [part for part in parts if part.part != CHECK]


def check_of(parts: Sequence[Batch]) -> Batch | None:
    """Returns the part of a batch that asks a sample of its rows alone; None if there is none."""
    return next((part for part in parts[1:] if part.part == CHECK), None)


def right_answer(body: str, column: str) -> str | None:
    """Returns the right answer to a row, from the column of that name; None if it is empty."""
    value = column_names.value_of(exact_json.loads(body), column)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else exact_json.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of one batch.

    Attributes:
        voters: Its voting parts, the batch itself first.
        check: The part that asks rows alone, if any.
        gold: The column with the right answers; empty if there is none.
    """

    voters: tuple[Batch, ...]
    check: Batch | None = None
    gold: str = ""

    @classmethod
    def of(cls, parts: Sequence[Batch]) -> RowReader:
        """Returns a reader for a batch, which is given with its parts."""
        from runner.jobfile import JobFile  # not needed to import `Reading`

        gold = JobFile.from_json(parts[0].job_json).job.gold
        return cls(tuple(voters(parts)), check_of(parts), gold or "")

    @property
    def marks(self) -> bool:
        """Whether answered rows can need a review."""
        return len(self.voters) > 1 or self.check is not None or bool(self.gold)

    async def page(
        self, connection: AsyncConnection, start: int, size: int = PAGE
    ) -> list[RowResult]:
        """Returns up to `size` rows from number `start` (from 0)."""
        pages = [
            await batch_rows.export_page(connection, part, part.first_job + start - 1, size)
            for part in self.voters
        ]
        whole = self.voters[0]
        first = whole.first_job + start
        reviewed: Mapping[int, Review] = {}
        if whole.reviews_made:
            reviewed = await reviews.standing(connection, first, first + size - 1)
        alone = await self._alone(connection, start, size) if self.check is not None else {}
        together = enumerate(zip(*pages, strict=False), start + 1)
        if not (reviewed or self.marks):
            return [RowResult(number, rows[0], rows) for number, rows in together]
        return [
            self._combined(number, rows, reviewed.get(rows[0].job_id), alone.get(number))
            for number, rows in together
        ]

    def _combined(
        self, number: int, rows: tuple[ExportRow, ...], reviewed: Review | None, alone: str | None
    ) -> RowResult:
        several = len(rows) > 1
        combined = vote([row.answer for row in rows], LEAST_AGREEMENT) if several else None
        right = right_answer(rows[0].payload, self.gold) if self.gold else None
        return RowResult(number, rows[0], rows, combined, reviewed, alone, right)

    async def _alone(
        self, connection: AsyncConnection, start: int, size: int
    ) -> dict[int, str | None]:
        """Returns the answers of the check by row number."""
        assert self.check is not None  # noqa: S101 - guaranteed by the caller
        step, first = self.check.row_step, self.check.first_job
        places = range(-(-start // step), -(-(start + size) // step))
        answers = await batch_rows.answers(connection, [first + place for place in places])
        return {place * step + 1: answer for place, answer in zip(places, answers, strict=True)}


async def results(reading: Reading, parts: Sequence[Batch]) -> AsyncIterator[list[RowResult]]:
    """Yields every queued row, page by page, of a batch given with its parts."""
    reader = RowReader.of(parts)
    for start in range(0, parts[0].rows_loaded, PAGE):
        async with reading() as connection:
            rows = await reader.page(connection, start)
        yield rows
