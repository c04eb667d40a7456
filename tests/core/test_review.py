"""Which rows a person should look at, and why."""

import pytest

from runner.core.agreement import vote
from runner.core.review import Reason, reasons

LEAST = 0.6


@pytest.mark.parametrize(
    ("answers", "alone", "right", "found"),
    [
        (["a"], None, None, []),
        (["a"], "a", "a", []),
        ([None], None, None, [Reason.FAILED]),
        ([None], "a", "b", [Reason.FAILED]),
        (["a", "b"], None, None, [Reason.VOTES]),
        (["a", "a", "b"], None, None, []),
        (["a", "a", "b", "c", None], None, None, [Reason.VOTES]),
        ([None, "a"], "b", None, []),
        (["a"], "b", None, [Reason.CHECK]),
        (["a"], None, "b", [Reason.GOLD]),
        (["b", "a", "a"], "a", "a", [Reason.CHECK]),
        (["a", "b"], "c", "d", [Reason.VOTES, Reason.CHECK, Reason.GOLD]),
    ],
)
def test_a_row_is_for_a_person_for_these_reasons(
    answers: list[str | None], alone: str | None, right: str | None, found: list[Reason]
) -> None:
    assert reasons(answers, vote(answers, LEAST), alone, right) == tuple(found)
