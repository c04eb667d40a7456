"""What becomes of a client's request."""

from __future__ import annotations

import pytest

from runner.core.client_request import (
    MOST_CHARGED_CALLS,
    MOST_FREE_CALLS,
    asks_again,
    is_free,
    is_refused,
)
from runner.core.demand import WaitCause, WaitReason
from runner.core.gate import ParkReason
from runner.core.verdict import Kind, Verdict

NOW = 1_000_000


@pytest.mark.parametrize(
    "kind", [Kind.THROTTLED, Kind.SPENT, Kind.UNAUTHORISED, Kind.LOCAL, Kind.GONE]
)
def test_a_call_that_cost_nothing_is_made_again_but_not_for_ever(kind: Kind) -> None:
    assert is_free(Verdict(kind))
    assert asks_again(Verdict(kind), 1, 0)
    assert asks_again(Verdict(kind), MOST_FREE_CALLS - 1, 9)
    assert not asks_again(Verdict(kind), MOST_FREE_CALLS, 0)


def test_a_call_that_may_have_been_charged_is_made_once_more() -> None:
    assert not is_free(Verdict(Kind.TRANSIENT))
    assert asks_again(Verdict(Kind.TRANSIENT), 0, MOST_CHARGED_CALLS - 1)
    assert not asks_again(Verdict(Kind.TRANSIENT), 0, MOST_CHARGED_CALLS)


@pytest.mark.parametrize("kind", [Kind.DONE, Kind.REJECTED])
def test_what_the_provider_has_judged_is_not_asked_again(kind: Kind) -> None:
    assert not asks_again(Verdict(kind), 0, 1)


@pytest.mark.parametrize(
    ("cause", "until", "refused"),
    [
        (ParkReason.SPENT, NOW + 1, True),
        (ParkReason.SPENT, NOW, False),
        (WaitCause.CONCURRENCY, None, False),
        (WaitCause.CAPPED, None, True),
        (WaitCause.CAPPED, NOW - 1, True),
        (WaitCause.DAILY, NOW - 1, True),
        (ParkReason.GONE, NOW - 1, True),
        (ParkReason.REFUSED, NOW - 1, True),
    ],
)
def test_a_request_waits_for_what_ends_in_time(
    cause: WaitCause | ParkReason, until: int | None, *, refused: bool
) -> None:
    assert is_refused(WaitReason(-1, cause, "why", until), NOW) is refused
