"""The arithmetic of allowances: admit, reserve, settle, learn.

The state of windows is in window.py, parked windows are in gate.py, and pacing is in pacing.py.

A call touches the windows of its account and of its model. It is admitted when every one of them
has room for its cost there (one call, some tokens, some credits), and reserves that cost in each;
the reservation is part of the decided state. A provider's count takes precedence over ours:

- A count in a reply's headers includes every call answered so far, and perhaps some in flight,
  which are still reserved here. So it may only raise ours: replies overtake one another.
- The reply to a probe, which is alone in flight, is exact: it may lower ours, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runner.core import gate as gates
from runner.core import others, rolling
from runner.core.gate import ParkReason
from runner.core.usage import corrected, refreshed, room_at, spend
from runner.core.window import ONE_CALL, Cost, Count, LimitRecheck, Source, Unit, Window

# Two moments this close are equal: one may be rounded to minutes, or late by a slow reply.
SAME_RESET_MS = 120_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """The decision that `count` calls may start; `reserve` makes their reservations."""

    count: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The decision that no call may start before `until` (None: before calls in flight end)."""

    until: int | None
    why: str
    window: Window


def admit(
    windows: Sequence[Window], want: int, now: int, cost: Cost = ONE_CALL
) -> Admitted | Refused:
    """Returns how many calls, up to `want` (at least 1), every window admits, or which refuses.

    When a gate needs a probe, only one call is admitted, and only after the calls that were in
    flight when it was parked have ended: beside them no count would be exact. Beyond a limit that
    was learned from a refusal, only one call at a time is admitted, as any may be refused.
    """
    for window in windows:
        if (refused := _closed(window, now, cost)) is not None:
            return refused
    probe = any(window.gate.needs_probe for window in windows)
    rechecks = any(window.limit_recheck is LimitRecheck.UNDER_WAY for window in windows)
    count = 1 if probe or rechecks else want
    for window in windows:
        if (left := window.calls_left(cost)) is not None:
            count = min(count, left)
    return Admitted(count, probe)


def without_reserve(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Returns the windows without their reserves, for calls that may use these."""
    return tuple(replace(window, reserve=0) if window.reserve else window for window in windows)


def reserve(
    windows: Sequence[Window],
    count: int,
    now: int,
    cost: Cost = ONE_CALL,
    *,
    by_client: bool = False,
) -> tuple[Window, ...]:
    """Returns the windows with the reservations of `count` calls that `admit` allows."""
    return tuple(
        by_clients(
            replace(
                w,
                reserved=w.reserved + count * w.cost_of(cost),
                last_start_at=now,
                gate=gates.entered(w.gate),
            ),
            count * w.cost_of(cost) if by_client else 0,
        )
        for w in windows
    )


def by_clients(window: Window, more: int) -> Window:
    """Returns `window` after clients have taken `more` of it, or got it back if negative."""
    if not more or not window.period.resets:
        return window
    return replace(window, by_clients=max(0, window.by_clients + more))


def _closed(window: Window, now: int, cost: Cost) -> Refused | None:
    gate = window.gate
    if now < gate.parked_until:
        return Refused(gate.parked_until, gate.why, window)
    if gate.probe_in_flight:
        return Refused(None, "a probe is under way", window)
    if gate.needs_probe and window.reserved:
        return Refused(None, "waiting for the calls in flight, then one probe", window)
    if window.limit_recheck is LimitRecheck.UNDER_WAY and window.reserved:
        return Refused(None, "beyond a limit that was learned, one call at a time", window)
    if window.calls_left(cost) == 0:
        return Refused(room_at(window, cost, now), window.period.used_up(window.unit), window)
    return None


def end_call(
    window: Window,
    *,
    charged: int,
    count: Count | None,
    probe: bool,
    now: int,
    amount: int = 1,
    sent_at: int = 0,
) -> Window:
    """Returns `window` after one of its reserved calls has ended.

    Args:
        window: The window the call was reserved in.
        charged: The estimated charge for the call.
        count: The count of this window in the reply's headers; None if there is none.
        probe: Whether the call was alone in flight, so that `count` is exact.
        now: The moment of the reply.
        amount: The amount that was reserved for the call.
        sent_at: When the call was sent. `count` includes calls given up before, if charged.
    """
    window = replace(refreshed(window, now), reserved=max(0, window.reserved - amount))
    if count is None:
        return _raise_limit(_with_unconfirmed(spend(window, charged, now), charged, now))
    window = _without_unconfirmed(window, now + 1 if probe else sent_at)
    limit = count.limit
    if limit is None:
        limit = max(window.limit or 0, window.spent + charged + count.remaining)
        if limit == 0:  # a remainder of 0 says nothing about an unknown limit
            return window
    counted = corrected(window, charged, count.spent(limit), now, probe=probe)
    return replace(
        counted,
        limit=limit,
        limit_source=Source.HEADER,
        limit_learned_at=now,
        others=taken_by_others(window, counted.spent - charged, now),
    )


def taken_by_others(window: Window, spent: int, now: int) -> rolling.Amounts:
    """Returns what others took, if the provider counts `spent` without the call that has ended."""
    more = spent - window.spent
    if not (more and window.period.is_daily and window.unit is Unit.CALLS):
        return window.others
    return others.with_taken(window.others, now, more)


def header_reset(window: Window, count: Count | None, now: int) -> int | None:
    """Returns until when nothing is left, by a reply's headers; None if they name no sane reset.

    Only a reply with nothing left is believed. Whatever a provider means by its reset (the renewal
    of all, as after a day, or of one call, as in a sliding window), no call is accepted before it,
    and the first one after it is a probe. It takes precedence over the preset's calendar.
    It must be within the bounds of its kind of period. The result is never earlier than the next
    regular probe: a provider may name the same second every time.
    """
    if count is None or count.remaining > 0 or count.resets_in is None:
        return None
    if (bounds := window.period.reset_bounds_ms) is None:
        return None
    shortest, longest = bounds
    if not shortest < count.resets_in <= longest:
        return None
    until = max(now, window.starts_at) + max(count.resets_in, gates.probe_wait(window.gate))
    # It may be the calendar's midnight, with the error of another clock and a slow reply.
    return window.resets_at if abs(until - window.resets_at) <= SAME_RESET_MS else until


def with_header_reset(window: Window, until: int | None) -> Window:
    """Returns `window` with the reset `until` from a header, if it is a calendar's."""
    if until is None or not window.period.resets:
        return window
    return replace(window, resets_at=until)


def _with_unconfirmed(window: Window, charged: int, now: int) -> Window:
    """Returns `window` with `charged` as unconfirmed, if its replies have counts.

    Rolling and refilling windows correct themselves with time.
    """
    if window.limit_source is not Source.HEADER or not window.period.resets:
        return window
    return replace(window, unconfirmed=rolling.add(window.unconfirmed, now, charged))


def _without_unconfirmed(window: Window, before: int) -> Window:
    """Returns `window` without the unconfirmed amounts from before the call of an exact count."""
    left = tuple(amount for amount in window.unconfirmed if amount[0] >= before)
    given_back = rolling.total(window.unconfirmed) - rolling.total(left)
    return replace(window, spent=max(0, window.spent - given_back), unconfirmed=left)


def balance(window: Window, count: Count, now: int) -> Window:
    """Returns a balance's `window` after a poll of the balance.

    It is unknown whether the balance includes the calls in flight. A total that exceeds ours with
    them includes somebody else's spending; a lower total, as after a grant, is assumed to include
    none of them. If there is something to spend again, a probe may start at once.
    """
    limit = count.limit if count.limit is not None else count.remaining
    reported = count.spent(limit)
    spent = min(reported, max(window.spent, reported - window.reserved))
    polled = replace(
        window, limit=limit, spent=spent, limit_source=Source.BALANCE, limit_learned_at=now
    )
    if polled.remaining and window.gate.reason is ParkReason.SPENT:
        return replace(polled, gate=replace(window.gate, parked_until=0))
    return polled


def _raise_limit(window: Window) -> Window:
    """Returns `window` with its limit raised to what was spent, if that is more."""
    if window.limit is None or window.spent <= window.limit:
        return window
    return replace(window, limit=window.spent)


def learn_spent(window: Window, now: int, *, sure: bool = True) -> Window:
    """Returns `window` after the provider said that its allowance is spent, without a count.

    The amount spent by then becomes the limit. Nothing is learned from a refusal of an untouched
    window: its reset is late, or somebody else spent it. Nor is anything learned if little was
    spent and it is not `sure` that the refusal means the allowance: it may mean an overload.
    """
    if window.untouched or window.limit_source in (Source.HEADER, Source.BALANCE):
        return window
    if not sure and window.limit is not None and window.spent < window.limit // 20:
        return window
    return replace(window, limit=window.spent, limit_source=Source.REFUSAL, limit_learned_at=now)
