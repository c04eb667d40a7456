"""When a run ends although jobs are left: it must not wait, or no wait can end."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from runner.core.demand import WaitCause, WaitReason
from runner.core.gate import ParkReason

# The longest wait of a run that does not wait for allowances.
SHORT_WAIT_MS = 60_000
# After more refusals in a row for the same reason, the next wait is not expected to be the last.
PATIENCE = 3

# Waits that only a later day, or the user, can end.
_LONG = frozenset(
    {
        ParkReason.SPENT,
        ParkReason.GONE,
        ParkReason.REFUSED,
        WaitCause.HOURS,
        WaitCause.CAPPED,
        WaitCause.DAILY,
    }
)


class WaitsFor(IntEnum):
    """What a run waits for when it can make no call; each includes those before it."""

    CALLS = 1  # those in flight and their retries: it ends when the allowance is spent
    ALLOWANCE = 2  # the next reset: it ends when nothing is left to do
    PEOPLE = 3  # who resume the batches that they have paused
    WORK = 4  # new batches: it ends when it is stopped, or every account is refused
    CLIENTS = 5  # of the server: it ends when it is stopped


class StopReason(StrEnum):
    """Why a run ended."""

    DONE = "done"  # nothing is left to do
    STOPPED = "stopped"  # by a signal or a request
    SPENT = "spent"  # today's allowance is spent, and it was asked not to wait
    STALLED = "stalled"  # no answer came within the time that it may try


def ends_run(reasons: Iterable[WaitReason], now: int, *, wait: bool) -> bool:
    """Whether a run with no call in flight ends, given what its demands wait for.

    Args:
        reasons: Why each of its demands waits.
        now: The present moment (ms since the epoch).
        wait: Whether the run waits for allowances.
    """
    if wait:
        return all(reason.cause is WaitCause.CAPPED for reason in reasons)
    return all(_is_long(reason, now) for reason in reasons)


def _is_long(reason: WaitReason, now: int) -> bool:
    if reason.cause in _LONG:
        return True
    if reason.cause is WaitCause.DUE:  # the number of retries is limited
        return False
    if reason.window is not None and reason.window.gate.refusals > PATIENCE:
        return True
    if reason.cause is ParkReason.CIRCUIT_OPEN:  # its first waits are a few minutes
        return False
    return reason.until is not None and reason.until - now > SHORT_WAIT_MS
