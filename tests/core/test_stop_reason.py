"""When a run that was asked not to wait ends."""

from dataclasses import replace

import pytest

from runner.core.demand import Cause, WaitCause, WaitReason
from runner.core.gate import Gate, ParkReason
from runner.core.period import Calendar
from runner.core.stop_reason import PATIENCE, SHORT_WAIT_MS, ends_run
from runner.core.verdict import Scope
from runner.core.window import Quota, open_window

NOW = 1_795_500_000_000
SOON = NOW + 1_000
LATER = NOW + SHORT_WAIT_MS + 1
WINDOW = open_window(Quota("day", Scope.ACCOUNT, 9, Calendar("day", "UTC")), "mine", "", NOW)


def waits(cause: Cause, until: int | None = SOON, refusals: int = 0) -> WaitReason:
    window = replace(WINDOW, gate=Gate(refusals=refusals))
    return WaitReason(1, cause, "why", until, window)


@pytest.mark.parametrize(
    "cause",
    [
        ParkReason.SPENT,
        ParkReason.GONE,
        ParkReason.REFUSED,
        WaitCause.HOURS,
        WaitCause.CAPPED,
        WaitCause.DAILY,
    ],
)
def test_what_only_a_later_day_or_the_user_ends_is_not_waited_for(cause: Cause) -> None:
    assert ends_run([waits(cause)], NOW, wait=False)


@pytest.mark.parametrize("cause", [ParkReason.THROTTLED, ParkReason.OFFLINE, WaitCause.WINDOW_FULL])
def test_a_short_wait_is_made_and_a_long_one_is_not(cause: Cause) -> None:
    assert not ends_run([waits(cause)], NOW, wait=False)
    assert ends_run([waits(cause, LATER)], NOW, wait=False)


def test_short_waits_for_the_same_reason_come_to_an_end() -> None:
    """A provider that cannot be reached is tried every half a minute for ever."""
    assert not ends_run([waits(ParkReason.OFFLINE, refusals=PATIENCE)], NOW, wait=False)
    assert ends_run([waits(ParkReason.OFFLINE, refusals=PATIENCE + 1)], NOW, wait=False)
    assert not ends_run([WaitReason(1, WaitCause.RATE, "why", SOON)], NOW, wait=False)


def test_the_first_waits_of_a_broken_circuit_are_made() -> None:
    assert not ends_run([waits(ParkReason.CIRCUIT_OPEN, LATER, PATIENCE)], NOW, wait=False)
    assert ends_run([waits(ParkReason.CIRCUIT_OPEN, LATER, PATIENCE + 1)], NOW, wait=False)


def test_a_retry_is_waited_for_since_a_job_is_tried_so_often_only() -> None:
    assert not ends_run([waits(WaitCause.DUE, LATER)], NOW, wait=False)


def test_one_batch_that_may_go_on_soon_keeps_the_run() -> None:
    both = [waits(ParkReason.SPENT, LATER), waits(ParkReason.THROTTLED)]
    assert not ends_run(both, NOW, wait=False)


def test_a_run_that_waits_ends_only_for_what_the_user_does_not_allow() -> None:
    assert ends_run([waits(WaitCause.CAPPED)], NOW, wait=True)
    assert not ends_run([waits(WaitCause.DAILY)], NOW, wait=True)
    assert not ends_run([waits(WaitCause.CAPPED), waits(ParkReason.SPENT)], NOW, wait=True)
