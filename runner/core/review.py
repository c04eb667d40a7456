"""Why a person should look at a row: what of its answers is missing, disputed or known wrong."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from runner.core.agreement import Vote


class Reason(StrEnum):
    """Why a person should look at a row."""

    FAILED = "failed"
    """It has no answer."""
    VOTES = "votes"
    """As many votes are for another answer, or too few are for this one."""
    CHECK = "check"
    """Asked alone, it was answered otherwise than together with others."""
    GOLD = "gold"
    """The right answer is another one."""


def reasons(
    answers: Sequence[str | None], vote: Vote, alone: str | None = None, right: str | None = None
) -> tuple[Reason, ...]:
    """Why a person should look at a row that has ended; empty: there is no need.

    Args:
        answers: That of each vote, the first one's first.
        vote: What they come to.
        alone: What the first vote's model said when the row was asked alone, too; None: nothing.
        right: The right answer, where it is known.
    """
    if vote.value is None:
        return (Reason.FAILED,)
    first = answers[0]
    found = {
        Reason.VOTES: vote.review,
        Reason.CHECK: alone is not None and first is not None and alone != first,
        Reason.GOLD: right is not None and right != vote.value,
    }
    return tuple(reason for reason, holds in found.items() if holds)
