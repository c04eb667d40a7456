"""What has become of each row: the results of a batch, of its votes, and of people, put together.

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
from runner.store.batches import Batch
from runner.store.reviews import Review

PAGE = 1_000
# The columns of a vote, behind those that every result has.
AGREEMENT_COLUMN = "agreement"
# Of rows that are voted on, checked or compared with right answers.
REVIEW_COLUMN = "review"
# Once somebody has reviewed a row: who has; with the details also what the models have answered.
REVIEWER_COLUMN = "reviewed_by"
REVIEW_DETAIL_COLUMNS = ("model_answer", "reviewed_at")
# Whose allowance a row's answer cost, the call in the ledger that brought it, whether that was
# another row's, and what the model said.
DETAIL_COLUMNS = ("account", "call", "reused", "reply")
ADDED_COLUMNS = (
    AGREEMENT_COLUMN,
    REVIEW_COLUMN,
    REVIEWER_COLUMN,
    *DETAIL_COLUMNS,
    *REVIEW_DETAIL_COLUMNS,
)
"""All that may be added to those that every result has."""
# A vote that fewer than this part of the answers agree on is for a person to look at.
LEAST_AGREEMENT = 0.6
CHECK = "check"

Reading = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row of the input, and what has become of it.

    Attributes:
        number: Which row it is, from 1.
        first: What the batch itself has of it; the answer of a vote is in `vote`.
        votes: What each vote has of it, the batch's own first; one where nobody votes.
        vote: What they come to; None where nobody votes.
        review: What a person has answered to it; that is the answer then.
        alone: What it was answered when it was asked alone, too; None: it was not, or not yet.
        right: The right answer, where it is known.
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
        """Whether it has not ended: a vote is still out."""
        return any(one.state not in _ENDS for one in self.votes)

    @property
    def state(self) -> str:
        """Where the row stands: it is done when every vote is in, or a person has answered."""
        if self.review is not None:
            return JobState.SUCCEEDED
        open_votes = [one.state for one in self.votes if one.state not in _ENDS]
        if open_votes:
            return open_votes[0]
        return JobState.FAILED if self.answer is None else JobState.SUCCEEDED

    @property
    def answer(self) -> str | None:
        """A person's answer, or else the models'."""
        return self.model_answer if self.review is None else self.review.answer

    @property
    def model_answer(self) -> str | None:
        """The answer of the model, or that of most votes once all are in."""
        if self.vote is None:
            return self.first.answer
        return None if self.open else self.vote.value

    @property
    def model(self) -> str | None:
        """The models that gave the answer."""
        models = [one.model for one in self.votes if one.answer == self.answer and one.model]
        return ", ".join(dict.fromkeys(models)) or None

    @property
    def error(self) -> str | None:
        """Why there is no answer."""
        errors = [one.error for one in self.votes if one.error]
        return None if self.answer is not None else next(iter(errors), None)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a person should look at it; empty: there is no need, or somebody has, or it is open.

        Of a row that somebody has looked at, `doubts` still says why.
        """
        return () if self.review is not None or self.open else self.doubts

    @property
    def doubts(self) -> tuple[Reason, ...]:
        """Why a person should look at it, or should have, as far as its votes are in."""
        answers = [one.answer for one in self.votes]
        found = self.vote or vote(answers, LEAST_AGREEMENT)
        return review.reasons(answers, found, self.alone, self.right)


_ENDS = frozenset({JobState.SUCCEEDED.value, JobState.FAILED.value})


def voters(family: Sequence[Batch]) -> list[Batch]:
    """The parts of a batch that vote, the batch itself first."""
    return [part for part in family if part.part != CHECK]


def check_of(family: Sequence[Batch]) -> Batch | None:
    """The part of a batch that asks some of its rows alone."""
    return next((part for part in family[1:] if part.part == CHECK), None)


def right_answer(body: str, column: str) -> str | None:
    """The right answer to a row, which is in the column of that name; None: it is not known."""
    value = column_names.value_of(exact_json.loads(body), column)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else exact_json.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of one batch.

    Attributes:
        voters: The parts of it that vote, itself first.
        check: The part that asks rows alone, if there is one.
        gold: The column with the right answers, if there is one.
    """

    voters: tuple[Batch, ...]
    check: Batch | None = None
    gold: str = ""

    @classmethod
    def of(cls, family: Sequence[Batch]) -> RowReader:
        """One for a batch, which is given with its parts."""
        from runner.jobfile import JobFile  # noqa: PLC0415 - who only names `Reading` needs none

        gold = JobFile.from_json(family[0].job_json).job.gold
        return cls(tuple(voters(family)), check_of(family), gold or "")

    @property
    def marks(self) -> bool:
        """Whether rows with an answer can be ones for a person to look at."""
        return len(self.voters) > 1 or self.check is not None or bool(self.gold)

    async def page(
        self, connection: AsyncConnection, start: int, size: int = PAGE
    ) -> list[RowResult]:
        """Up to `size` rows from number `start` (from 0)."""
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
            self._together(number, rows, reviewed.get(rows[0].job_id), alone.get(number))
            for number, rows in together
        ]

    def _together(
        self, number: int, rows: tuple[ExportRow, ...], reviewed: Review | None, alone: str | None
    ) -> RowResult:
        several = len(rows) > 1
        found = vote([row.answer for row in rows], LEAST_AGREEMENT) if several else None
        right = right_answer(rows[0].payload, self.gold) if self.gold else None
        return RowResult(number, rows[0], rows, found, reviewed, alone, right)

    async def _alone(
        self, connection: AsyncConnection, start: int, size: int
    ) -> dict[int, str | None]:
        """By number, what rows were answered alone."""
        assert self.check is not None  # noqa: S101 - as the caller sees to
        step, first = self.check.row_step, self.check.first_job
        places = range(-(-start // step), -(-(start + size) // step))
        found = await batch_rows.answers(connection, [first + place for place in places])
        return {place * step + 1: answer for place, answer in zip(places, found, strict=True)}


async def results(reading: Reading, family: Sequence[Batch]) -> AsyncIterator[list[RowResult]]:
    """Every row that was queued, page by page; `family` is the batch and its parts."""
    reader = RowReader.of(family)
    for start in range(0, family[0].rows_loaded, PAGE):
        async with reading() as connection:
            found = await reader.page(connection, start)
        yield found
