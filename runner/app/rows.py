"""What has become of each row: the results of a batch and of its votes, put together.

It reads page by page, in the order of the input, and writes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.agreement import Vote, vote
from runner.core.states import JobState
from runner.store import batch_rows
from runner.store.batch_rows import ExportRow
from runner.store.batches import Batch

PAGE = 1_000
# The columns of a vote, behind those that every result has.
VOTE_COLUMNS = ("agreement", "review")
# Whose allowance a row's answer cost, the call in the ledger that brought it, whether that was
# another row's, and what the model said.
DETAIL_COLUMNS = ("account", "call", "reused", "reply")
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
    def open(self) -> bool:
        """Whether it has not ended: a vote is still out."""
        return any(one.state not in _ENDS for one in self.votes)

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


_ENDS = frozenset({JobState.SUCCEEDED.value, JobState.FAILED.value})


def voters(family: Sequence[Batch]) -> list[Batch]:
    """The parts of a batch that vote, the batch itself first."""
    return [part for part in family if part.part != CHECK]


async def results(reading: Reading, family: Sequence[Batch]) -> AsyncIterator[list[RowResult]]:
    """Every row that was queued, page by page; `family` is the batch and its parts."""
    parts = voters(family)
    for start in range(0, parts[0].rows_loaded, PAGE):
        async with reading() as connection:
            found = await page(connection, parts, start)
        yield found


async def page(
    connection: AsyncConnection, parts: Sequence[Batch], start: int, size: int = PAGE
) -> list[RowResult]:
    """Up to `size` rows from number `start` (from 0); `parts` are those that vote."""
    pages = [
        await batch_rows.export_page(connection, part, part.first_job + start - 1, size)
        for part in parts
    ]
    together = enumerate(zip(*pages, strict=False), start + 1)
    return [_together(number, rows) for number, rows in together]


def _together(number: int, rows: tuple[ExportRow, ...]) -> RowResult:
    if len(rows) == 1:
        return RowResult(number, rows[0], rows)
    return RowResult(number, rows[0], rows, vote([row.answer for row in rows], LEAST_AGREEMENT))
