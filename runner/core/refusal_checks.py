"""Whether to believe a reply that says that an allowance is spent.

Some providers say so when they are only overloaded; some headers are wrong; and soon after a reset
the reply may mean yesterday's allowance. What a doubtful reply does to a window is in charging.py.
"""

from __future__ import annotations

from runner.core import gate as gates
from runner.core.gate import MOST_REFUSALS, Gate, ParkReason
from runner.core.verdict import ANSWERED, Kind, Verdict
from runner.core.window import Count, LimitRecheck, Source, Window

# With at most 1 / SMALL_PART of a limit left, a refusal is believed at once: a probe costs more.
SMALL_PART = 50
# A reply that also names the reset is believed with at most 1 / TOLD_PART of the limit or FEW_LEFT
# left.
TOLD_PART, FEW_LEFT = 10, 10


def concerns(verdict: Verdict, window: Window) -> bool:
    """Whether `verdict` applies to `window`: to its quota, or to no quota in particular."""
    named = window.quota == verdict.quota if verdict.quota else window.primary
    return verdict.scope is window.scope and named


def is_doubtful(
    window: Window, verdict: Verdict, count: Count | None, now: int, *, probe: bool
) -> bool:
    """Whether a reply says that an allowance is spent although much of it should be left.

    A probe a minute later then decides. If it is refused, too, the reply is believed; if it is
    answered, the reply was wrong, and so is a header of the probe that says the same. Beyond a
    limit that was learned, a refusal is believed where the probe might be one too many.
    """
    left, limit = window.remaining, window.limit
    if left is None or limit is None or not window.period.resets:
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
    if window.limit_recheck is LimitRecheck.UNDER_WAY and window.refused + 2 > MOST_REFUSALS:
        return False
    asked_again = probe and _was_refused(window.gate, count)
    late = _may_be_late(window, now) and (count is not None or _of_yesterday(window))
    return refused and not (asked_again or unanswered(window) or late)


def _was_refused(gate: Gate, count: Count | None) -> bool:
    """Whether a refused probe is not the first refusal; a count without remainder counts as one."""
    if gate.reason is ParkReason.AMBIGUOUS:
        return gate.refusals > 0 or count is not None
    return gate.reason is ParkReason.SPENT


def _little(limit: int, count: Count | None) -> int:
    """Returns up to which remainder of `limit` a reply that says that it is spent is believed."""
    if count is not None and count.resets_in is not None:
        return max(FEW_LEFT, limit // TOLD_PART)
    return max(1, limit // SMALL_PART)


def maybe_spent(verdict: Verdict, window: Window) -> Verdict:
    """Returns the verdict for a doubtful reply: throttling that may mean a spent allowance."""
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
    """Whether a call in a fresh window met yesterday's allowance; `now` by the provider's clock."""
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
    """Whether a late reset may explain a refusal: soon after it, before a count has shown it."""
    shown = window.limit_source is Source.HEADER and window.gate.answered
    return now - window.starts_at <= gates.LATE_RESET_MS and not shown


def _shows_yesterday(window: Window, count: Count, now: int, *, probe: bool) -> bool:
    """Whether the count of a day's first answer may be that of the previous day."""
    soon = now - window.starts_at <= gates.LATE_RESET_MS
    return soon and probe and unanswered(window) and _goes_on(window, count)


def _goes_on(window: Window, count: Count) -> bool:
    """Whether `count`, of a day's first answer, continues from the previous day's.

    It may be less than `previous_spent`, which includes faults that the provider did not charge.
    """
    spent = count.spent(window.limit or 0 if count.limit is None else count.limit)
    return window.previous_spent > 0 and spent > max(1, window.previous_spent // 2)


def _of_yesterday(window: Window) -> bool:
    """Whether today's spending cannot explain a refusal, so that it is the previous day's.

    The previous day allowed more, or had as much left. Without counts, its last calls look like
    today's first when the reset is late.
    """
    left = 0 if window.limit is None else window.limit - window.previous_spent
    return window.previous_spent > 0 and (
        window.spent < window.previous_spent or window.spent <= left
    )


def unanswered(window: Window) -> bool:
    """Whether no call has been answered in it: anything spent there was spent on faults."""
    return window.untouched or not window.gate.answered
