"""Whether to believe a reply that says that an allowance is gone.

Some providers say so in passing, when they are too busy; some headers are wrong; and soon after a
reset it may be yesterday's allowance that is meant. What a doubt does to a window is charging.py's.
"""

from __future__ import annotations

from runner.core import gate as gates
from runner.core.gate import Gate, ParkReason
from runner.core.period import Calendar
from runner.core.verdict import ANSWERED, Kind, Verdict
from runner.core.window import Count, Source, Window

# With at most this part of a limit left, a refusal is believed at once: it costs less than to ask.
SMALL_PART = 50
# Where a reply names the moment of the reset, too, it is believed with so much left.
TOLD_PART, FEW_LEFT = 10, 10


def concerns(verdict: Verdict, window: Window) -> bool:
    """Whether `verdict` speaks of `window`: of its quota, or of no quota in particular."""
    named = window.quota == verdict.quota if verdict.quota else window.primary
    return verdict.scope is window.scope and named


def is_doubtful(
    window: Window, verdict: Verdict, count: Count | None, now: int, *, probe: bool
) -> bool:
    """Whether a reply says that an allowance is gone of which much should be left.

    Some providers say so in passing, when they are too busy, and some headers are wrong. So a
    probe is to tell, in a minute. If that is refused, too, it is believed; if it is answered,
    what was said before was not true, and what its own header says is no better.
    """
    left, limit = window.remaining, window.limit
    if left is None or limit is None or not isinstance(window.period, Calendar):
        return False
    if count is not None and 0 < (count.limit or 0) < limit:  # the limit has been lowered
        left, limit = left - limit + (count.limit or 0), count.limit or 0
    if left <= _little(limit, count):
        return False
    if count is not None and count.remaining > 0:
        return False
    if verdict.kind in ANSWERED:
        return count is not None and not _shows_yesterday(window, count, now, probe=probe)
    refused = verdict.kind is Kind.SPENT and concerns(verdict, window)
    asked_again = probe and _was_refused(window.gate, count)
    return refused and not (asked_again or unanswered(window) or _may_be_late(window, now))


def _was_refused(gate: Gate, count: Count | None) -> bool:
    """Whether a refused probe is not the first refusal; a count of nothing stands for one."""
    if gate.reason is ParkReason.AMBIGUOUS:
        return gate.refusals > 0 or count is not None
    return gate.reason is ParkReason.SPENT


def _little(limit: int, count: Count | None) -> int:
    """How much of `limit` is so little that a reply which says that it is gone is believed."""
    if count is not None and count.resets_in is not None:
        return max(FEW_LEFT, limit // TOLD_PART)
    return max(1, limit // SMALL_PART)


def maybe_spent(verdict: Verdict, window: Window) -> Verdict:
    """What a doubtful reply comes to: a refusal that may be one for pace."""
    scope, why = window.scope, verdict.why or "the provider says that nothing is left"
    return Verdict(Kind.THROTTLED, why, scope, ambiguous=True, quota=window.quota)


def reset_is_late(
    window: Window,
    verdict: Verdict,
    count: Count | None,
    *,
    probe: bool,
    now: int,
) -> bool:
    """Whether a call in a fresh window has met yesterday's allowance; `now` by the provider."""
    spent = verdict.kind is Kind.SPENT and concerns(verdict, window)
    first = probe and unanswered(window)
    if spent and first:
        return True
    if now - window.starts_at > gates.LATE_RESET_MS:
        return False
    if count is None:
        return spent and _may_be_late(window, now) and _of_yesterday(window)
    return first and _goes_on(window, count)


def _may_be_late(window: Window, now: int) -> bool:
    """Whether a refusal may come of a late reset: soon after it, if no count has shown it."""
    told = window.limit_source is Source.HEADER and window.gate.answered
    return now - window.starts_at <= gates.LATE_RESET_MS and not told


def _shows_yesterday(window: Window, count: Count, now: int, *, probe: bool) -> bool:
    """Whether the count of a day's first answer may be that of the day before."""
    soon = now - window.starts_at <= gates.LATE_RESET_MS
    return soon and probe and unanswered(window) and _goes_on(window, count)


def _goes_on(window: Window, count: Count) -> bool:
    """Whether `count`, of a day's first answer, goes on from the day before's.

    It may be less than `previous_spent`, which has faults that the provider did not charge.
    """
    spent = count.spent(window.limit or 0 if count.limit is None else count.limit)
    return window.previous_spent > 0 and spent > max(1, window.previous_spent // 2)


def _of_yesterday(window: Window) -> bool:
    """Whether a full day is no explanation: the day before allowed more, or had as much left.

    Without counts its last calls look like today's first, when the reset is late.
    """
    left = 0 if window.limit is None else window.limit - window.previous_spent
    return window.previous_spent > 0 and (
        window.spent < window.previous_spent or window.spent <= left
    )


def unanswered(window: Window) -> bool:
    """Whether no call has been answered in it: what was spent, if anything, were faults."""
    return window.untouched or not window.gate.answered
