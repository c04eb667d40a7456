"""What has become of each row: the results of a batch and of its votes, put together.

It reads page by page, in the order of the input, and writes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.agreement import Agreement, Pair, Tally, Vote, vote
from runner.core.model import JobState
from runner.jobfile import JobFile
from runner.store import reports
from runner.store.batches import Batch
from runner.store.reports import ExportRow

PAGE = 1_000
# The columns of a vote, behind those that every result has.
VOTE_COLUMNS = ("agreement", "review")
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
    """

    number: int
    first: ExportRow
    votes: tuple[ExportRow, ...]
    vote: Vote | None = None

    @property
    def state(self) -> str:
        """Where the row stands: it is done when every vote is in."""
        open_votes = [one.state for one in self.votes if one.state not in _ENDS]
        if open_votes:
            return open_votes[0]
        return JobState.FAILED if self.answer is None else JobState.SUCCEEDED

    @property
    def answer(self) -> str | None:
        """The answer, or that of most votes once all are in."""
        if self.vote is None:
            return self.first.answer
        return self.vote.value if all(one.state in _ENDS for one in self.votes) else None

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


_ENDS = frozenset({JobState.SUCCEEDED.value, JobState.FAILED.value})


def voters(family: Sequence[Batch]) -> list[Batch]:
    """The parts of a batch that vote, the batch itself first."""
    return [part for part in family if part.part != CHECK]


async def results(reading: Reading, family: Sequence[Batch]) -> AsyncIterator[list[RowResult]]:
    """Every row that was queued, page by page; `family` is the batch and its parts."""
    parts = voters(family)
    for start in range(0, parts[0].loaded, PAGE):
        async with reading() as connection:
            pages = [
                await reports.export_page(connection, part, part.first_job + start - 1, PAGE)
                for part in parts
            ]
        yield [
            _together(start + place, rows)
            for place, rows in enumerate(zip(*pages, strict=False), 1)
        ]


def _together(number: int, rows: tuple[ExportRow, ...]) -> RowResult:
    if len(rows) == 1:
        return RowResult(number, rows[0], rows)
    return RowResult(number, rows[0], rows, vote([row.answer for row in rows], LEAST_AGREEMENT))


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
                answers = [one.answer for one in row.votes]
                tally.add(answers, _gold(row.first.payload, job.gold) if job.gold else None)
    compared = tally.agreement() if job.votes > 1 or job.gold else None
    return Quality(compared, await _checked(reading, family))


def _rater(part: Batch) -> str:
    number = part.part.removeprefix("vote ") or "1"
    return f"{number}: {' or '.join(part.models)}"


def _gold(payload: str, column: str) -> str | None:
    value = orjson.loads(payload).get(column)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


async def _checked(reading: Reading, family: Sequence[Batch]) -> Pair | None:
    """How far rows that shared a call agree with the same rows asked alone."""
    check = next((part for part in family if part.part == CHECK), None)
    if check is None:
        return None
    tally = Tally(("packed", "alone"))
    for start in range(0, check.loaded, PAGE):
        async with reading() as connection:
            alone = await reports.export_page(connection, check, check.first_job + start - 1, PAGE)
            twins = [_twin(family[0], check, row.job_id) for row in alone]
            packed = await reports.answers(connection, twins)
        for row, answer in zip(alone, packed, strict=True):
            tally.add((answer, row.answer))
    return tally.agreement().pairs[0]


def _twin(whole: Batch, check: Batch, job_id: int) -> int:
    """The job of the batch itself that is about the same row."""
    return whole.first_job + (job_id - check.first_job) * check.stride
