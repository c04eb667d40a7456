"""The result of a row, with Python's types, at the time at which it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from runner import exact_json
from runner.api.job import Job
from runner.app.results.rows import RowResult
from runner.core.states import JobState
from runner.store.batch_rows import ExportRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[T]):
    """One row and its result.

    Attributes:
        number: The number of the row in the order of submission, from 1.
        row: The row as it was queued; its values are JSON's, so that a date is a text.
        state: ``succeeded`` or ``failed``; before that ``queued``, ``running``, ``pending`` or
            ``cancelled``.
        answer: The reviewer's answer, or the model's, with votes that of the majority; None unless
            the row succeeded.
        error: The reason of the failure.
        model: The model that gave the answer; with votes, all that gave it.
        account: The account that was charged for the call.
        call: The number, in the ledger, of the call that returned the answer.
        reused: Whether that call was made for another row with the same request.
        replies: The model's replies in order: each invalid reply, and the valid one if it differs
            from the answer.
        votes: The answer of each vote, or None if it has none; empty without votes.
        agreement: The share of the votes for the answer, 0 to 1; None without votes.
        review: Whether the row needs a review and has none: because of a tie, too little agreement,
            no answer, or one that differs from the right one or from that of the unpacked row.
        reviewed_by: The person who reviewed the row.
        model_answer: The model's answer, also where a reviewer has replaced it.
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


def result_of(row: RowResult, job: Job[T], invalid: Mapping[int, tuple[str, ...]]) -> Result[T]:
    """Returns a result of `job`; `invalid` has the invalid replies by job id."""
    state, error, answer = str(row.state), row.error, None
    if row.answer is not None:
        try:
            answer = job.read(row.answer)
        except ValueError as refused:
            state, error = JobState.FAILED.value, f"the answer cannot be read: {refused}"
    first, votes = row.first, row.votes if row.vote else ()
    vote = None if row.open else row.vote
    return Result(
        number=row.number,
        row=exact_json.loads(first.payload),
        state=state,
        answer=answer,
        error=error,
        model=row.model,
        account=first.account,
        call=first.call_id,
        reused=first.reused,
        replies=tuple(reply for each in row.votes for reply in _replies(each, invalid)),
        votes=tuple(_read(job, each.answer) for each in votes),
        agreement=vote.share if vote else None,
        review=bool(row.reasons),
        reviewed_by=row.review.reviewer if row.review else None,
        model_answer=answer if row.review is None else _read(job, row.model_answer),
    )


def _replies(row: ExportRow, invalid: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    last = () if row.reply is None else (row.reply,)
    return (*invalid.get(row.job_id, ()), *last)


def _read(job: Job[T], text: str | None) -> T | None:
    try:
        return None if text is None else job.read(text)
    except ValueError:
        return None
