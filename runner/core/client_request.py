"""What becomes of a client's request: asked again after a refusal, kept waiting, or told no."""

from __future__ import annotations

from runner.core.charging import UNCHARGED
from runner.core.demand import WaitCause, Waiting
from runner.core.gate import ParkReason
from runner.core.verdict import Kind, Verdict

# Calls that cost nothing are made again so often; each was refused for another reason, or by
# another route.
MOST_FREE_CALLS = 20
# Of calls that may have been charged, only one more is made: the client itself may try again.
MOST_CHARGED_CALLS = 2
_FREE = UNCHARGED | {Kind.GONE}
# Nobody waits for what may come back, but need not.
_LASTING = (WaitCause.CAPPED, WaitCause.DAILY, ParkReason.GONE, ParkReason.REFUSED)


def asks_again(verdict: Verdict, free_calls: int, charged_calls: int) -> bool:
    """Whether a request goes back into the queue after a call that brought no answer.

    Args:
        verdict: What came of the call.
        free_calls: Calls made for the request that cost nothing, this one included.
        charged_calls: Calls made for it that may have been charged, likewise.
    """
    if verdict.kind in _FREE:
        return free_calls < MOST_FREE_CALLS
    return verdict.kind is Kind.TRANSIENT and charged_calls < MOST_CHARGED_CALLS


def is_free(verdict: Verdict) -> bool:
    """Whether a call with this end cost nothing."""
    return verdict.kind in _FREE


def is_refused(waiting: Waiting, until: int) -> bool:
    """Whether a request is told no, since what it waits for ends later than it waits.

    Args:
        waiting: Why it cannot start.
        until: How long it waits for allowance (ms since the epoch).
    """
    if waiting.cause in _LASTING:
        return True
    # Without a moment it waits for calls in flight, which end soon.
    return waiting.until is not None and waiting.until > until
