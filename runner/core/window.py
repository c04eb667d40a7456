"""Allowances as rules and as windows: what is known of one period of one quota, and its renewal.

It knows what comes back by itself; what a call does to a window is quota.py's.

Amounts are whole numbers: calls, tokens, thousandths of a credit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from runner.core import gate as gates
from runner.core import rolling
from runner.core.calendar import Day, day_at, month_at
from runner.core.gate import Gate, ParkReason
from runner.core.period import Calendar, Period, Refill, Rolling
from runner.core.verdict import Scope

WEEK_MS = 7 * 24 * 3600 * 1000
# The end of what no calendar ends: the year 9999.
NEVER = 253_370_764_800_000
CREDIT = 1_000  # the amount of one credit
# A clock that shows this much less than at the latest call was set back.
SET_BACK_MS = 60_000


class Unit(StrEnum):
    """What a quota counts."""

    CALLS = "calls"
    TOKENS = "tokens"  # sent and received
    CREDITS = "credits"  # amounts are in thousandths


class Source(StrEnum):
    """Where the knowledge of a limit comes from, weakest first."""

    PRESET = "preset"
    CONFIGURED = "configured"
    REFUSAL = "refusal"  # learned from an error body: what was spent when it came
    HEADER = "header"
    BALANCE = "balance"  # the provider's balance endpoint


Cost = Mapping[Unit, int]
ONE_CALL: Cost = {Unit.CALLS: 1}


@dataclass(frozen=True, slots=True)
class Quota:
    """A rule: at most `limit` of a unit per period, for an account or for a model on it.

    `limit` None means that only the provider knows. `reserve` of it a period, or
    `reserve_percent` of it if that is more, is left untouched.
    The `primary` quota of each scope carries the gate of what concerns no quota in particular:
    throttling, a network that is down, a model that is gone.
    """

    name: str
    scope: Scope
    limit: int | None
    period: Period
    source: Source = Source.PRESET
    reserve: int = 0
    unit: Unit = Unit.CALLS
    primary: bool = True
    reserve_percent: int = 0

    def reserve_of(self, limit: int | None) -> int:
        """How much of `limit` is left untouched."""
        return max(self.reserve, -(-(limit or 0) * self.reserve_percent // 100))


@dataclass(frozen=True, slots=True)
class Window:
    """One period of one quota. Moments are ms since the epoch.

    Attributes:
        account: Whose it is.
        model: Which model's on it; empty for the account's own.
        quota: The name of its rule.
        day: The name of a calendar period, YYYY-MM-DD or YYYY-MM; empty for any other.
        resets_at: When all of it comes back; `NEVER` where no clock tells.
        spent: What the provider has counted, as far as is known, without the `reserved`, which
            are in flight. It is true at `counted_at`, where it changes by itself.
        recent: Of a rolling period: what was spent when, as (moment, amount), oldest first.
        unconfirmed: Of a calendar period: the part of `spent` that no reply has told of, by the moment
            at which its call was given up. A later call's count tells whether it was charged.
        previous_spent: What the calendar period before had spent: a count that goes on from there
            shows that the reset is late.
        started_at: When its latest call was let in, whichever runner made it.
    """

    account: str
    model: str
    quota: str
    day: str
    starts_at: int
    resets_at: int
    limit: int | None
    period: Period
    unit: Unit = Unit.CALLS
    primary: bool = True
    limit_source: Source = Source.PRESET
    limit_learned_at: int | None = None
    reserve: int = 0
    spent: int = 0
    reserved: int = 0
    previous_spent: int = 0
    started_at: int | None = None
    counted_at: int = 0
    recent: rolling.Recent = ()
    unconfirmed: rolling.Recent = ()
    gate: Gate = field(default_factory=Gate)

    @property
    def untouched(self) -> bool:
        """Whether nothing is known to have been spent in it."""
        return self.spent == 0

    @property
    def scope(self) -> Scope:
        """Whom it concerns."""
        return Scope.MODEL if self.model else Scope.ACCOUNT

    @property
    def remaining(self) -> int | None:
        """How much more may be reserved; None when no limit is known."""
        if self.limit is None:
            return None
        return max(0, self.limit - self.reserve - self.spent - self.reserved)

    @property
    def is_known(self) -> bool:
        """Whether it is worth a line: a further quota of which nothing is known is not."""
        return self.primary or self.limit is not None or not self.untouched

    def calls_left(self, cost: Cost = ONE_CALL) -> int | None:
        """How many more calls of this cost may start; None when no limit is known."""
        each = self.cost_of(cost)
        return None if self.remaining is None or each == 0 else self.remaining // each

    def cost_of(self, cost: Cost) -> int:
        """How much of its unit a call reserves; tokens are estimated, at most the whole of it."""
        each = cost.get(self.unit, 0)
        if self.unit is Unit.TOKENS and self.limit is not None:
            return min(each, max(1, self.limit - self.reserve))
        return each


@dataclass(frozen=True, slots=True)
class Count:
    """A provider's own account of a window, from one reply. `limit` None: only `remaining` told.

    `resets_in` is how many ms from then it says it resets; None: it does not say.
    """

    limit: int | None
    remaining: int
    resets_in: int | None = None

    def spent(self, limit: int) -> int:
        """What the provider has counted so far, of `limit`."""
        return max(0, limit - self.remaining)


def open_window(quota: Quota, account: str, model: str, now: int) -> Window:
    """The window of `now`, with nothing spent; a calendar's first call is a probe."""
    span = span_of(quota.period, now)
    return Window(
        account,
        model if quota.scope is Scope.MODEL else "",
        quota.name,
        span.name,
        span.starts_at,
        span.ends_at,
        quota.limit,
        quota.period,
        quota.unit,
        quota.primary,
        quota.source,
        reserve=quota.reserve_of(quota.limit),
        counted_at=now,
        gate=Gate(probe=isinstance(quota.period, Calendar)),
    )


def span_of(period: Period, now: int) -> Day:
    """The stretch of `period` that holds `now`; without name and end where no clock ends it."""
    match period:
        case Calendar("month", zone):
            return month_at(now, zone)
        case Calendar(_, zone):
            return day_at(now, zone)
        case _:
            return Day("", now, NEVER)


def roll_over(window: Window, quota: Quota, now: int, reset_jitter_ms: int) -> Window:
    """The window to use at `now`: the same one until its reset, then a fresh one.

    It never goes back: a clock that is set back stays in the latest window; what is reckoned from
    a moment goes back with the clock, for no hour shall be waited for twice. A limit learned from
    the provider carries over; one learned from a refusal is tried again after a week, since a
    stranger on the account may have caused it. The fresh window opens `reset_jitter_ms` after the
    reset, with a probe.
    """
    if window.period != quota.period:
        return open_window(quota, window.account, window.model, max(now, window.starts_at))
    window = _set_back(window, now, reset_jitter_ms)
    if now < window.resets_at:
        return _tried(_with_rule(refreshed(window, now), quota))
    fresh = _following(window, open_window(quota, window.account, window.model, now))
    gate = gates.after_reset(fresh.starts_at + reset_jitter_ms, window.gate, now)
    if fresh.day == window.day and window.gate.reason is ParkReason.SPENT:
        gate = replace(gate, reason=ParkReason.SPENT, refusals=window.gate.refusals)
    previous_spent = window.spent if window.resets_at == fresh.starts_at else 0
    inherited = _inherit_limit(replace(fresh, gate=gate, previous_spent=previous_spent), window)
    return _with_rule(inherited, quota)


def _following(window: Window, fresh: Window) -> Window:
    """`fresh` from the end of `window` on, where a provider told of another than the calendar's.

    If the calendar's day goes on, the window is the same one, renewed: calls in flight find it,
    and each new refusal waits longer than the one before.
    """
    reserved = window.reserved if fresh.day == window.day else 0
    starts_at = max(fresh.starts_at, window.resets_at)
    return replace(fresh, starts_at=starts_at, reserved=reserved)


def _set_back(window: Window, now: int, reset_jitter_ms: int) -> Window:
    """`window` with its moments on a clock that was set back, by at least what its call shows.

    A call that started in the future is the evidence. What a calendar tells stays as it is. A
    window that was found to be early opens at its beginning, once the clock shows that it is.
    """
    gate = window.gate
    if gate.reason is ParkReason.CLOCK_AHEAD and now <= window.starts_at:
        parked_until = min(gate.parked_until, window.starts_at + reset_jitter_ms)
        return replace(window, gate=replace(gate, parked_until=parked_until))
    by = 0 if window.started_at is None else window.started_at - now
    if by < SET_BACK_MS:
        return window
    if gate.reason is not ParkReason.RESET and gate.parked_until < window.resets_at:
        gate = gates.shift(gate, by)
    return replace(
        window,
        started_at=now,
        counted_at=window.counted_at - by,
        recent=rolling.shift(window.recent, by),
        unconfirmed=rolling.shift(window.unconfirmed, by),
        gate=gate,
    )


def effective(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """`windows`, the published allowances of calls left out where a balance was is_known.

    A provider that counts credits counts no calls of a day, whatever was once published; what it
    reveals of calls is believed all the same, and how many it takes a minute is another matter.
    """
    if not any(window.limit_source is Source.BALANCE for window in windows):
        return windows
    return tuple(
        replace(w, limit=None, reserve=0) if _published_allowance(w) else w for w in windows
    )


def _published_allowance(window: Window) -> bool:
    of_calls = (window.unit, window.limit_source) == (Unit.CALLS, Source.PRESET)
    return of_calls and isinstance(window.period, Calendar)


def refreshed(window: Window, now: int) -> Window:
    """`window` with what has come back by itself until `now`."""
    match window.period:
        case Rolling(ms):
            recent = rolling.within(window.recent, now - ms)
            return replace(window, recent=recent, spent=rolling.total(recent))
        case Refill(ms) if window.limit is not None:
            spent, exact = rolling.leaked(window.spent, window.counted_at, window.limit, ms, now)
            return replace(window, spent=spent, counted_at=exact)
        case _:
            return window


def _with_rule(window: Window, quota: Quota) -> Window:
    """`window` under a rule that the user may have changed since it was opened."""
    if window.limit_source in (Source.PRESET, Source.CONFIGURED):
        window = replace(window, limit=quota.limit, limit_source=quota.source)
    reserve = quota.reserve_of(window.limit)
    return replace(window, reserve=reserve, unit=quota.unit, primary=quota.primary)


def _tried(window: Window) -> Window:
    """`window`, or, if only unconfirmed have filled it, what is left without them, for one probe.

    Most calls that hung had been counted when they came, and the replies of others told so.
    """
    told = window.limit_source is Source.HEADER and window.reserved == 0
    if window.remaining != 0 or not window.unconfirmed or not told:
        return window
    spent = max(0, window.spent - rolling.total(window.unconfirmed))
    return replace(window, spent=spent, unconfirmed=(), gate=replace(window.gate, probe=True))


def _inherit_limit(fresh: Window, old: Window) -> Window:
    learned_at = old.limit_learned_at
    if learned_at is None:
        return fresh
    if old.limit_source is Source.REFUSAL and fresh.starts_at - learned_at > WEEK_MS:
        # Of a day spent to the limit given up here, the limit tried again would show something
        # left, and every refusal would look like a late reset's.
        return replace(fresh, previous_spent=0) if old.spent >= (old.limit or 0) else fresh
    return replace(
        fresh, limit=old.limit, limit_source=old.limit_source, limit_learned_at=learned_at
    )
