"""What the end of a call does to the windows it was reserved in.

It joins the verdict on a reply with the arithmetic of quota.py and the gates of gate.py; what
becomes of the job is retry.py's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runner.core import gate as gates
from runner.core import quota
from runner.core.gate import Cause, Gate
from runner.core.quota import Count, Window
from runner.core.verdict import Kind, Scope, Verdict

# A model that is gone is not asked again by other batches for this long.
GONE_WAIT_MS = 10 * gates.MINUTE_MS
# A provider's Date has whole seconds and is older than the reply by its way here; a difference
# below this is no evidence about either clock.
CLOCK_TOLERANCE_MS = 2 * gates.MINUTE_MS

# Refusals are not charged. Whatever else was answered may have been, so it counts until the
# provider's own figures say otherwise.
UNCHARGED = frozenset({Kind.LOCAL, Kind.THROTTLED, Kind.SPENT, Kind.UNAUTHORISED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one call.

    Attributes:
        verdict: What the reply means.
        probe: Whether the call flew alone.
        counts: What the reply's headers said, by scope.
        date: The reply's Date (ms since the epoch), if it had one.
    """

    verdict: Verdict
    probe: bool = False
    counts: Mapping[Scope, Count] = field(default_factory=dict)
    date: int | None = None


def conclude(window: Window, outcome: Outcome, now: int) -> Window:
    """`window` after the call: the reservation settled, the gate moved, limits learned."""
    scope = Scope.MODEL if window.model else Scope.ACCOUNT
    probe = outcome.probe and window.gate.probing
    count = outcome.counts.get(scope)
    verdict = _unmask(outcome.verdict, window, count, probe=probe)
    if probe and outcome.date is not None and outcome.date < window.starts_at - CLOCK_TOLERANCE_MS:
        return _await_day(window, outcome.date, now)
    if _reset_is_late(window, verdict, scope, count, probe=probe, now=now):
        return _await_reset(window, verdict, probe=probe, now=now)
    charged = verdict.kind not in UNCHARGED
    settled = quota.settle(window, counted=charged, count=count, probe=probe, now=now)
    if verdict.kind is Kind.SPENT and verdict.scope is scope:
        settled = quota.learn_spent(settled, now, sure=not verdict.ambiguous)
    return replace(settled, gate=_gate_after(settled, verdict, scope, probe=probe, now=now))


def unseen(window: Window, *, probe: bool) -> Window:
    """`window` after a call whose end nobody saw: it counts as spent."""
    settled = quota.settle(window, counted=True, count=None, probe=False, now=0)
    return replace(settled, gate=gates.probe_lost(window.gate, probe=probe))


def _unmask(verdict: Verdict, window: Window, count: Count | None, *, probe: bool) -> Verdict:
    """An ambiguous 429 is a spent allowance when the count says so, or when it comes twice.

    The second time the call flew alone, a minute after the first: no burst explains it.
    """
    scope = Scope.MODEL if window.model else Scope.ACCOUNT
    if not verdict.ambiguous or verdict.scope is not scope:
        return verdict
    if count is not None:
        kind = Kind.SPENT if count.remaining == 0 else Kind.THROTTLED
        return replace(verdict, kind=kind, ambiguous=False)
    if probe and window.gate.cause in (Cause.AMBIGUOUS, Cause.SPENT):
        return replace(verdict, kind=Kind.SPENT)
    return verdict


def _reset_is_late(
    window: Window,
    verdict: Verdict,
    scope: Scope,
    count: Count | None,
    *,
    probe: bool,
    now: int,
) -> bool:
    """Whether a call in a fresh window has met yesterday's allowance."""
    spent = verdict.kind is Kind.SPENT and verdict.scope is scope
    first = probe and _unanswered(window)
    if spent and first:
        return True
    if now - window.starts_at > gates.LATE_RESET_MS:
        return False
    if count is None:
        return spent and _of_yesterday(window)
    return first and _goes_on(window, count)


def _goes_on(window: Window, count: Count) -> bool:
    """Whether `count`, of a day's first answer, goes on from the day before's.

    That may have been less than was carried: faults count here that were not charged there.
    """
    return window.carried > 0 and count.spent > max(1, window.carried // 2)


def _of_yesterday(window: Window) -> bool:
    """Whether a full day is no explanation: the day before allowed more, or had as much left.

    Without counts its last calls look like today's first, when the reset is late.
    """
    left = 0 if window.limit is None else window.limit - window.carried
    return window.carried > 0 and (window.spent < window.carried or window.spent <= left)


def _unanswered(window: Window) -> bool:
    """Whether no call has been answered in it: what was spent, if anything, were faults.

    An answer opens the gate, and a gate that was open shuts for other causes than these, save as
    spent, and then until the reset.
    """
    unopened = (Cause.NONE, Cause.RESET, Cause.SPENT, Cause.EARLY)
    return window.untouched or window.gate.cause in unopened


def _await_day(window: Window, date: int, now: int) -> Window:
    """`window` as it was, until the provider's clock reaches it: the count was the old day's.

    Our clock is ahead of the provider's by about ``now - date``.
    """
    why = "the provider's clock has not reached this day yet"
    until = now + window.starts_at - date
    return _put_off(window, until, Cause.EARLY, why, probe=True)


def _await_reset(window: Window, verdict: Verdict, *, probe: bool, now: int) -> Window:
    """`window` untouched, to be probed again: what was spent so far was the old day's."""
    why = verdict.why or "the provider has not reset its count yet"
    until = gates.reprobe_at(window.gate, window.starts_at, window.resets_at, now)
    return _put_off(replace(window, spent=0), until, Cause.SPENT, why, probe=probe)


def _put_off(window: Window, until: int, cause: Cause, why: str, *, probe: bool) -> Window:
    gate = gates.shut(window.gate, until, cause, why, probe=probe)
    return replace(window, reserved=max(0, window.reserved - 1), gate=gate)


def _gate_after(window: Window, verdict: Verdict, scope: Scope, *, probe: bool, now: int) -> Gate:
    gate = window.gate
    if verdict.kind in (Kind.DONE, Kind.REJECTED):
        return gates.opened(gate, probe=probe)
    shut = _shut_until(window, verdict, scope, now)
    if shut is None:
        return gates.probe_lost(gate, probe=probe)
    until, cause = shut
    return gates.shut(gate, until, cause, verdict.why, probe=probe)


def _shut_until(
    window: Window, verdict: Verdict, scope: Scope, now: int
) -> tuple[int, Cause] | None:
    """When the window opens again and why it shuts, or None if the verdict is not about it."""
    if verdict.scope is not scope:
        return None
    match verdict.kind:
        case Kind.LOCAL:
            return gates.offline_until(window.gate, now), Cause.OFFLINE
        case Kind.SPENT:
            return window.resets_at, Cause.SPENT
        case Kind.THROTTLED if verdict.ambiguous:
            return now + max(verdict.wait_ms or 0, gates.AMBIGUOUS_WAIT_MS), Cause.AMBIGUOUS
        case Kind.THROTTLED:
            return gates.throttled_until(window.gate, verdict.wait_ms, now), Cause.THROTTLED
        case Kind.GONE:
            return now + GONE_WAIT_MS, Cause.GONE
        case _:
            return None
