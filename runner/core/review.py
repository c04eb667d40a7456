"""Why a person should review a row: its answer is missing, disputed or known to be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from runner.core.agreement import Vote


class Reason(StrEnum):
    """Why a person should review a row."""

    FAILED = "failed"
    """The row has no answer."""
    VOTES = "votes"
    """The vote is a tie, or its share is too small."""
    CHECK = "check"
    """Asked alone, the row got another answer than in a pack."""
    GOLD = "gold"
    """The gold label is another one."""


def reasons(
    answers: Sequence[str | None], vote: Vote, alone: str | None = None, right: str | None = None
) -> tuple[Reason, ...]:
    """Returns why a person should review a row that has ended; empty if there is no need.

    Args:
        answers: The answer of each vote, in the order of the votes.
        vote: The majority of `answers`.
        alone: The first vote's answer when the row was asked alone as a check; None if it was not,
            or got no answer.
        right: The gold label, where one is known.
    """
    if vote.value is None:
        return (Reason.FAILED,)
    first = answers[0]
    applies = {
        Reason.VOTES: vote.review,
        Reason.CHECK: alone is not None and first is not None and alone != first,
        Reason.GOLD: right is not None and right != vote.value,
    }
    return tuple(reason for reason, holds in applies.items() if holds)
