"""The result of a row, with Python's types, as it stood when it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from runner import exact_json
from runner.api.job import Job
from runner.app.rows import RowResult
from runner.core.states import JobState
from runner.store.batch_rows import ExportRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[T]):
    """One row and its result.

    Attributes:
        number: Which row it is, in the order they were given, from 1.
        row: The row as it was queued: values are JSON's, so a date is a text.
        state: ``succeeded`` or ``failed``; before that ``queued``, ``running``, ``pending`` or
            ``cancelled``.
        answer: The answer, of most votes if there are several; of a person who has reviewed the
            row; None unless it succeeded.
        error: Why it failed.
        model: The model that gave the answer; of votes, all that gave it.
        account: Whose allowance it cost.
        call: The number of the call, in the ledger, that brought it.
        reused: Whether that call was another row's, which asked the same.
        replies: What the model said, in order: each reply that was not valid, and the valid one
            where it is not the answer itself.
        votes: The answer of each vote, None where it has none; empty where nobody votes.
        agreement: The share of the votes that are the answer, 0 to 1; None where nobody votes.
        review: Whether a person should look, and none has: a tie, too little agreement, no answer,
            or one that differs from the right one, or from that of the row asked alone.
        reviewed_by: The person whose answer it is.
        model_answer: The answer of the model, whatever a person has answered.
    """

    number: int
    row: Mapping[str, Any]
    state: str
    answer: T | None = None
    error: str | None = None
    model: str | None = None
    account: str | None = None
    call: int | None = None
    reused: bool = False
    replies: tuple[str, ...] = ()
    votes: tuple[T | None, ...] = ()
    agreement: float | None = None
    review: bool = False
    reviewed_by: str | None = None
    model_answer: T | None = None

    @property
    def ok(self) -> bool:
        """Whether there is an answer."""
        return self.state == JobState.SUCCEEDED


def result_of(found: RowResult, job: Job[T], said: Mapping[int, tuple[str, ...]]) -> Result[T]:
    """A result of `job`; `said` has, by job id, the replies that were not valid."""
    state, error, answer = str(found.state), found.error, None
    if found.answer is not None:
        try:
            answer = job.read(found.answer)
        except ValueError as refused:
            state, error = JobState.FAILED.value, f"the answer cannot be read: {refused}"
    first, votes = found.first, found.votes if found.vote else ()
    vote = None if found.open else found.vote
    return Result(
        number=found.number,
        row=exact_json.loads(first.payload),
        state=state,
        answer=answer,
        error=error,
        model=found.model,
        account=first.account,
        call=first.call_id,
        reused=first.reused,
        replies=tuple(reply for one in found.votes for reply in _replies(one, said)),
        votes=tuple(_read(job, one.answer) for one in votes),
        agreement=vote.share if vote else None,
        review=bool(found.reasons),
        reviewed_by=found.review.reviewer if found.review else None,
        model_answer=answer if found.review is None else _read(job, found.model_answer),
    )


def _replies(row: ExportRow, said: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    last = () if row.reply is None else (row.reply,)
    return (*said.get(row.job_id, ()), *last)


def _read(job: Job[T], text: str | None) -> T | None:
    try:
        return None if text is None else job.read(text)
    except ValueError:
        return None
