"""The effect of the end of a call on the windows it was reserved in.

It combines the verdict on a reply with the arithmetic of quota.py and the gates of gate.py. What
happens to the job is decided in retry.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile

from runner.core import gate as gates
from runner.core import quota
from runner.core.gate import Gate, ParkReason
from runner.core.refusal_checks import concerns, is_doubtful, maybe_spent, reset_is_late
from runner.core.usage import refreshed, spent_with
from runner.core.verdict import ANSWERED, Kind, Verdict
from runner.core.window import Count, LimitRecheck, Source, Unit, Window

# Refusals are not charged. Every other answer may have been, so it counts until the provider's own
# figures show otherwise.
UNCHARGED = frozenset({Kind.LOCAL, Kind.THROTTLED, Kind.SPENT, Kind.UNAUTHORISED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one call.

    Attributes:
        verdict: The meaning of the reply.
        probe: Whether the call was a probe, with no other call in flight.
        counts: The counts in the reply's headers, by the quota's name.
        tokens: The provider's count of tokens; None if it gave none.
        sent_at: When the call was sent (ms since the epoch); 0 if unknown.
        parks: Whether throttling parks the window. If not, the route's controller delays the next
            calls, and the window stays open.
    """

    verdict: Verdict
    probe: bool = False
    counts: Mapping[str, Count] = field(default_factory=dict)
    tokens: int | None = None
    sent_at: int = 0
    parks: bool = True


def settle_calls(window: Window, outcomes: Sequence[Outcome], now: int, amount: int = 1) -> Window:
    """Returns `window` after several calls, each of which had reserved `amount` in it.

    The result equals that of `settle_window` for each in turn. Most outcomes are answers that
    change sums only, so a run of them is settled by one sum.
    """
    rest = list(outcomes)
    while rest:
        counted = window.quota in rest[0].counts
        plain = list(takewhile(partial(_is_plain, window, counted=counted), rest))
        if plain:
            window = _settle_plain(window, plain, now, amount, counted=counted)
        else:
            window = settle_window(window, rest[0], now, amount)
        rest = rest[len(plain) or 1 :]
    return window


def _is_plain(window: Window, outcome: Outcome, *, counted: bool) -> bool:
    """Whether `outcome` is an answer that changes sums only; with a count if `counted`."""
    if outcome.probe or outcome.verdict.kind not in ANSWERED:
        return False
    count = outcome.counts.get(window.quota)
    if count is None:
        watched = window.limit_source is Source.HEADER and window.period.resets
        return not counted and not watched
    simple = not (window.unconfirmed or window.period.slides)
    return counted and simple and count.remaining > 0 and count.limit is not None


def _settle_plain(
    window: Window, outcomes: Sequence[Outcome], now: int, amount: int, *, counted: bool
) -> Window:
    window = refreshed(window, now)
    reserved = max(0, window.reserved - amount * len(outcomes))
    gate = gates.opened(window.gate, probe=False)
    if counted:
        counts = [outcome.counts[window.quota] for outcome in outcomes]
        limit = counts[-1].limit
        spent = max(window.spent, *(count.spent(count.limit or 0) for count in counts))
        return replace(
            window,
            reserved=reserved,
            spent=spent,
            limit=limit,
            limit_source=Source.HEADER,
            limit_learned_at=now,
            gate=gate,
            others=quota.taken_by_others(window, spent - amount * len(outcomes), now),
        )
    charged = sum(_charged(window, each.verdict, each.tokens, amount) for each in outcomes)
    spent, recent = spent_with(window, charged, now)
    limit = window.limit if window.limit is None else max(window.limit, spent)
    return replace(window, reserved=reserved, spent=spent, recent=recent, limit=limit, gate=gate)


def settle_window(window: Window, outcome: Outcome, now: int, amount: int = 1) -> Window:
    """Returns `window` after a call that had reserved `amount` in it.

    Its amounts, its gate, and what the outcome shows about its limit are updated.
    """
    reading = _read(window, outcome, now)
    verdict, count, probe = reading.verdict, reading.count, reading.probe
    window = replace(window, refused=_refused(window, reading))
    until = quota.header_reset(window, count, now)
    late = window.period.resets and until is None
    if late and reset_is_late(window, verdict, count, probe=probe, now=now):
        return _await_reset(window, verdict, now, amount, probe=probe)
    settled = quota.end_call(
        window,
        charged=_charged(window, verdict, outcome.tokens, amount),
        count=count,
        probe=probe,
        now=now,
        amount=amount,
        sent_at=outcome.sent_at,
    )
    settled = quota.with_header_reset(settled, until)
    if verdict.kind is Kind.SPENT and concerns(verdict, window):
        settled = _learn_spent(settled, verdict, now)
    return replace(settled, gate=_settled_gate(window, settled, reading, until, now))


@dataclass(frozen=True, slots=True)
class _Reading:
    """An outcome as one window understands it.

    Attributes:
        verdict: The verdict; a doubtful refusal is throttling, and an ambiguous one is resolved.
        count: The count to trust; None if there is none.
        probe: Whether the call was the probe of the window's gate.
        doubtful: Whether the reply says that the allowance is spent although much should be left.
        parks: Whether throttling parks the window.
    """

    verdict: Verdict
    count: Count | None
    probe: bool
    doubtful: bool
    parks: bool


def _read(window: Window, outcome: Outcome, now: int) -> _Reading:
    probe = outcome.probe and window.gate.probe_in_flight
    verdict, count = outcome.verdict, outcome.counts.get(window.quota)
    if is_doubtful(window, verdict, count, now, probe=probe):
        spent = verdict.kind is Kind.SPENT
        believed = maybe_spent(verdict, window) if spent else verdict
        return _Reading(believed, None, probe, doubtful=True, parks=True)
    count = _unless_refuted(count, verdict)
    verdict = _unmask(verdict, window, count, probe=probe)
    return _Reading(verdict, count, probe, doubtful=False, parks=outcome.parks)


def _settled_gate(
    before: Window, settled: Window, reading: _Reading, until: int | None, now: int
) -> Gate:
    """Returns the gate of a window that was `before` a call, and is `settled` but for its gate.

    `until` is the reset that a header has named, if any.
    """
    verdict, probe = reading.verdict, reading.probe
    shown = maybe_spent(verdict, before) if reading.doubtful else verdict
    gate = _gate_after(settled, shown, now, probe=probe, parks=reading.parks)
    if reading.doubtful and verdict.kind in ANSWERED:
        gate = replace(gate, refusals=0)  # none of it was a refusal
    if before.limit_recheck is LimitRecheck.UNDER_WAY and gate.reason is ParkReason.SPENT:
        gate = replace(gate, parked_until=max(gate.parked_until, before.resets_at))
    if until is not None and gate.parked_until < until:
        why = verdict.why or "the provider reports that nothing is left"
        gate = gates.park(gate, until, ParkReason.SPENT, why, probe=probe)
    return gate


def _unless_refuted(count: Count | None, verdict: Verdict) -> Count | None:
    """Returns `count`, unless it states a limit of 0 beside an answer, which refutes it."""
    return None if count and count.limit == 0 and verdict.kind in ANSWERED else count


def _refused(window: Window, reading: _Reading) -> int:
    """Returns how often a period was refused, with this outcome.

    Of calls in flight together only the first refusal counts.
    """
    verdict = reading.verdict
    spent = verdict.kind is Kind.SPENT or (verdict.ambiguous and reading.parks)
    alone = reading.probe or not window.gate.needs_probe
    first = spent and concerns(verdict, window) and alone
    return window.refused + (first and window.period.resets)


def _charged(window: Window, verdict: Verdict, tokens: int | None, amount: int) -> int:
    if verdict.kind in UNCHARGED or (window.unit is Unit.CREDITS and window.limit is None):
        return 0  # most accounts count no credits
    if window.unit is Unit.TOKENS and tokens is not None:
        return tokens
    return amount


def _learn_spent(window: Window, verdict: Verdict, now: int) -> Window:
    """Learns the limit of a calendar window from what was spent; others show no limit."""
    if not window.period.resets:
        return window
    return quota.learn_spent(window, now, sure=not verdict.ambiguous)


def settle_unseen(window: Window, *, probe: bool, now: int = 0, amount: int = 1) -> Window:
    """Returns `window` after a call with an unknown end: what it had reserved counts as spent.

    Credits without a known balance do not count, since most accounts count none.
    """
    uncounted = window.unit is Unit.CREDITS and window.limit is None
    charged = 0 if uncounted else amount
    settled = quota.end_call(
        window, charged=charged, count=None, probe=False, now=now, amount=amount
    )
    return replace(settled, gate=gates.probe_lost(window.gate, probe=probe))


def _unmask(verdict: Verdict, window: Window, count: Count | None, *, probe: bool) -> Verdict:
    """Resolves an ambiguous 429: it means a spent allowance if the count says so, or on a probe.

    The probe follows the first 429 after a minute with no other call in flight, so no burst
    explains it.
    """
    if not verdict.ambiguous or not concerns(verdict, window):
        return verdict
    if count is not None:
        kind = Kind.SPENT if count.remaining == 0 else Kind.THROTTLED
        return replace(verdict, kind=kind, ambiguous=False)
    if probe and window.gate.reason in (ParkReason.AMBIGUOUS, ParkReason.SPENT):
        return replace(verdict, kind=Kind.SPENT)
    return verdict


def _await_reset(window: Window, verdict: Verdict, now: int, amount: int, *, probe: bool) -> Window:
    """Returns `window` with nothing spent, to be probed again: the spending was the old day's."""
    why = verdict.why or "the provider has not reset its count yet"
    found = gates.before_burst(window.gate, probe=probe)
    until = gates.reprobe_at(found, window.starts_at, window.resets_at, now)
    if not window.may_be_refused:
        until = window.resets_at
    unanswered = replace(window.gate, answered=False)
    gate = gates.park(unanswered, until, ParkReason.SPENT, why, probe=probe)
    return replace(
        window, spent=0, unconfirmed=(), reserved=max(0, window.reserved - amount), gate=gate
    )


def _gate_after(window: Window, verdict: Verdict, now: int, *, probe: bool, parks: bool) -> Gate:
    gate = window.gate
    if verdict.kind in (Kind.DONE, Kind.REJECTED):
        return gates.opened(gate, probe=probe)
    if verdict.kind is Kind.TRANSIENT and concerns(verdict, window):
        return gates.faulted(gate, verdict.why, now, probe=probe)
    first = replace(window, gate=gates.before_burst(gate, probe=probe))
    parked = _park_until(first, verdict, now, parks=parks)
    if parked is None:
        return gates.probe_lost(gate, probe=probe)
    until, reason = parked
    return gates.park(gate, until, reason, verdict.why, probe=probe)


def _park_until(
    window: Window, verdict: Verdict, now: int, *, parks: bool
) -> tuple[int, ParkReason] | None:
    """Returns until when the window is parked, and why; None if the verdict does not park it."""
    if not concerns(verdict, window) or (verdict.kind is Kind.THROTTLED and not parks):
        return None
    match verdict.kind:
        case Kind.LOCAL:
            return gates.offline_until(window.gate, now), ParkReason.OFFLINE
        case Kind.SPENT:
            return _renewed_at(window, verdict, now), ParkReason.SPENT
        case Kind.THROTTLED if verdict.ambiguous:
            return now + max(verdict.wait_ms or 0, gates.AMBIGUOUS_WAIT_MS), ParkReason.AMBIGUOUS
        case Kind.THROTTLED:
            return gates.throttled_until(window.gate, verdict.wait_ms, now), ParkReason.THROTTLED
        case Kind.UNAUTHORISED if window.gate.answered or window.previous_spent:
            return gates.refused_until(window.gate, verdict.wait_ms, now), ParkReason.REFUSED
        case Kind.UNAUTHORISED:  # only the user can mend it, at any moment
            return now, ParkReason.REFUSED
        case _:  # the model is gone
            return gates.gone_until(window.gate, now), ParkReason.GONE


def _renewed_at(window: Window, verdict: Verdict, now: int) -> int:
    """Returns when a spent window may be tried again."""
    if (ms := window.period.renewal_ms) is not None:
        return now + min(ms, verdict.wait_ms or ms)
    if window.period.granted:  # the moment of the next grant is unknown
        return now + gates.probe_wait(window.gate)
    may_be_raised = window.limit_source is Source.REFUSAL or window.remaining
    if window.may_be_refused and may_be_raised:
        return gates.retry_at(window.resets_at, now)
    return window.resets_at
