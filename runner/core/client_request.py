"""Decisions on the requests of clients: retry after a failed call, keep waiting, or refuse."""

from __future__ import annotations

from runner.core.charging import UNCHARGED
from runner.core.demand import WaitCause, WaitReason
from runner.core.gate import ParkReason
from runner.core.verdict import Kind, Verdict

# The calls of one request that cost nothing, in all; each is refused for another reason, or by
# another route.
MOST_FREE_CALLS = 20
# The calls of one request that may have been charged: the client itself may retry.
MOST_CHARGED_CALLS = 2
_FREE = UNCHARGED | {Kind.GONE}
# A request does not wait for what may never change.
_LASTING = (WaitCause.CAPPED, WaitCause.DAILY, ParkReason.GONE, ParkReason.REFUSED)


def asks_again(verdict: Verdict, free_calls: int, charged_calls: int) -> bool:
    """Whether a request goes back into the queue after a call without an answer.

    Args:
        verdict: The verdict on the call.
        free_calls: The number of calls for the request that cost nothing, with this one.
        charged_calls: The number of calls for it that may have been charged, with this one.
    """
    if verdict.kind in _FREE:
        return free_calls < MOST_FREE_CALLS
    return verdict.kind is Kind.TRANSIENT and charged_calls < MOST_CHARGED_CALLS


def is_free(verdict: Verdict) -> bool:
    """Whether a call with this verdict cost nothing."""
    return verdict.kind in _FREE


def is_refused(waiting: WaitReason, until: int) -> bool:
    """Whether a request is refused, since it cannot start before its deadline.

    Args:
        waiting: Why it cannot start yet.
        until: The moment until which it may wait for allowance (ms since the epoch).
    """
    if waiting.cause in _LASTING:
        return True
    # None stands for the end of calls in flight, which is near.
    return waiting.until is not None and waiting.until > until
