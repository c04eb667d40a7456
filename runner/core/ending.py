"""When a run that was asked not to wait ends, and when one that comes to nothing does."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from runner.core.demand import WaitCause, Waiting
from runner.core.gate import ParkReason

# A run that does not wait for allowances waits so long for anything else, in ms.
SHORT_WAIT_MS = 60_000
# After so many refusals in a row for the same reason the next wait will not be the last one.
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


class Ending(StrEnum):
    """Why a run ended."""

    DONE = "done"  # nothing is left to do
    STOPPED = "stopped"  # asked to
    SPENT = "spent"  # today's allowance is gone, and it was asked not to wait
    STALLED = "stalled"  # nothing came of it for as long as it was to try


def ends_run(reasons: Iterable[Waiting], now: int, *, wait: bool) -> bool:
    """Whether a run with nothing in flight ends for what its demands wait for.

    Args:
        reasons: Why each of its demands waits.
        now: The present moment (ms since the epoch).
        wait: Whether it is to wait for allowances.
    """
    if wait:
        return all(reason.cause is WaitCause.CAPPED for reason in reasons)
    return all(_is_long(reason, now) for reason in reasons)


def _is_long(reason: Waiting, now: int) -> bool:
    if reason.cause in _LONG:
        return True
    if reason.cause is WaitCause.DUE:  # a job is tried so often only
        return False
    if reason.window is not None and reason.window.gate.refusals > PATIENCE:
        return True
    if reason.cause is ParkReason.CIRCUIT_OPEN:  # its first waits are minutes, and few
        return False
    return reason.until is not None and reason.until - now > SHORT_WAIT_MS
