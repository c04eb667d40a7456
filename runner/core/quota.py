"""The arithmetic of allowances: open, admit, settle, refund, learn.

It knows windows and counts; who may call when a window is parked is gate.py's to say, and how
fast a budget is spent is pacing.py's.

A call touches the windows of its account and of its model. It is admitted when every one of them
has room for what it costs there (one call, some tokens, some credits), and reserves that in each;
the reservation is part of the decided state. What the provider says of a window outranks the
ledger's own count:

- A count in a reply's headers includes every call answered so far, and perhaps some in flight,
  which are still reserved here. So a count may only raise ours: replies overtake one another.
- The reply to a probe, which flies alone, is exact: it may lower ours, too.

Amounts are whole numbers: calls, tokens, thousandths of a credit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from runner.core import flow
from runner.core import gate as gates
from runner.core.calendar import Day, day_at, month_at
from runner.core.gate import Cause, Gate
from runner.core.period import Calendar, Period, Refill, Rolling
from runner.core.verdict import Scope

WEEK_MS = 7 * 24 * 3600 * 1000
# The end of what no calendar ends: the year 9999.
NEVER = 253_370_764_800_000
CREDIT = 1_000  # the amount of one credit


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
        doubts: Of a calendar period: the part of `spent` that no reply has told of, by the moment
            at which its call was given up. A later call's count tells whether it was charged.
        carried: What the calendar period before had spent: a count that goes on from there
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
    carried: int = 0
    started_at: int | None = None
    counted_at: int = 0
    recent: flow.Recent = ()
    doubts: flow.Recent = ()
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
    def room(self) -> int | None:
        """How much more may be reserved; None when no limit is known."""
        if self.limit is None:
            return None
        return max(0, self.limit - self.reserve - self.spent - self.reserved)

    @property
    def revealed(self) -> bool:
        """Whether it is worth a line: a further quota of which nothing is known is not."""
        return self.primary or self.limit is not None or not self.untouched

    def calls_left(self, cost: Cost = ONE_CALL) -> int | None:
        """How many more calls of this cost may start; None when no limit is known."""
        each = self.takes(cost)
        return None if self.room is None or each == 0 else self.room // each

    def takes(self, cost: Cost) -> int:
        """How much of its unit a call reserves; tokens are estimated, at most the whole of it."""
        each = cost.get(self.unit, 0)
        if self.unit is Unit.TOKENS and self.limit is not None:
            return min(each, max(1, self.limit - self.reserve))
        return each


@dataclass(frozen=True, slots=True)
class Count:
    """A provider's own account of a window, from one reply. `limit` None: only `remaining` told."""

    limit: int | None
    remaining: int

    def spent(self, limit: int) -> int:
        """What the provider has counted so far, of `limit`."""
        return max(0, limit - self.remaining)


@dataclass(frozen=True, slots=True)
class Admitted:
    """`count` calls may start; `windows` carry their reservations."""

    windows: tuple[Window, ...]
    count: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """No call may start before `until` (None: before the calls in flight have ended)."""

    until: int | None
    why: str
    window: Window


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


def current(window: Window, quota: Quota, now: int, margin_ms: int) -> Window:
    """The window to use at `now`: the same one until its reset, then a fresh one.

    It never goes back: a clock that is set back stays in the latest window. A limit learned from
    the provider carries over; one learned from a refusal is tried again after a week, since a
    stranger on the account may have caused it. The fresh window opens `margin_ms` after the
    reset, with a probe.
    """
    if window.period != quota.period:
        return open_window(quota, window.account, window.model, max(now, window.starts_at))
    if now < window.resets_at:
        return _tried(_with_rule(refreshed(window, now), quota))
    fresh = open_window(quota, window.account, window.model, now)
    gate = gates.after_reset(fresh.starts_at + margin_ms, window.gate, now)
    carried = window.spent if window.resets_at == fresh.starts_at else 0
    inherited = _inherit_limit(replace(fresh, gate=gate, carried=carried), window)
    return _with_rule(inherited, quota)


def in_force(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """`windows`, the published allowances of calls left out where a balance was revealed.

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
            recent = flow.within(window.recent, now - ms)
            return replace(window, recent=recent, spent=flow.total(recent))
        case Refill(ms) if window.limit is not None:
            spent, exact = flow.dripped(window.spent, window.counted_at, window.limit, ms, now)
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
    """`window`, or, if only doubts have filled it, what is left without them, for one probe.

    Most calls that hung had been counted when they came, and the replies of others told so.
    """
    told = window.limit_source is Source.HEADER and window.reserved == 0
    if window.room != 0 or not window.doubts or not told:
        return window
    spent = max(0, window.spent - flow.total(window.doubts))
    return replace(window, spent=spent, doubts=(), gate=replace(window.gate, probe=True))


def _inherit_limit(fresh: Window, old: Window) -> Window:
    learned_at = old.limit_learned_at
    if learned_at is None:
        return fresh
    if old.limit_source is Source.REFUSAL and fresh.starts_at - learned_at > WEEK_MS:
        # Of a day spent to the limit given up here, the limit tried again would show something
        # left, and every refusal would look like a late reset's.
        return replace(fresh, carried=0) if old.spent >= (old.limit or 0) else fresh
    return replace(
        fresh, limit=old.limit, limit_source=old.limit_source, limit_learned_at=learned_at
    )


def admit(
    windows: Sequence[Window], want: int, now: int, cost: Cost = ONE_CALL
) -> Admitted | Refused:
    """Reserve up to `want` (at least 1) calls in every window at once, or say what hinders it.

    When a gate asks for a probe, one call is admitted, however many are wanted, and none before
    the calls that were under way when it shut have ended: beside them no count would be exact.
    """
    for window in windows:
        if (refused := _closed(window, now, cost)) is not None:
            return refused
    probe = any(window.gate.probe for window in windows)
    count = 1 if probe else want
    for window in windows:
        if (left := window.calls_left(cost)) is not None:
            count = min(count, left)
    return Admitted(reserve(windows, count, now, cost), count, probe)


def reserve(
    windows: Sequence[Window], count: int, now: int, cost: Cost = ONE_CALL
) -> tuple[Window, ...]:
    """The windows once `count` calls that `admit` allows are under way."""
    return tuple(
        replace(
            w,
            reserved=w.reserved + count * w.takes(cost),
            started_at=now,
            gate=gates.entered(w.gate),
        )
        for w in windows
    )


def _closed(window: Window, now: int, cost: Cost) -> Refused | None:
    gate = window.gate
    if now < gate.opens_at:
        return Refused(gate.opens_at, gate.why, window)
    if gate.probing:
        return Refused(None, "a probe is under way", window)
    if gate.probe and window.reserved:
        return Refused(None, "the calls in flight end before the probe", window)
    if window.calls_left(cost) == 0:
        return Refused(room_at(window, cost, now), _full(window), window)
    return None


def _full(window: Window) -> str:
    match window.period:
        case Calendar(unit, _):
            return f"the {unit}'s allowance is spent"
        case Rolling() | Refill():
            return f"as many {window.unit} as are allowed at once"
        case _:
            return f"the {window.unit} are spent"


def room_at(window: Window, cost: Cost, now: int) -> int | None:
    """When a full `window` has room for one call again by itself; None: when calls end."""
    bound = (window.limit or 0) - window.reserve - window.takes(cost)
    match window.period:
        case Rolling(ms):
            return flow.falls_to(window.recent, bound - window.reserved, ms)
        case Refill(ms):
            excess = window.spent + window.reserved - bound
            if window.reserved > bound or not window.limit:
                return None
            return window.counted_at + -(-excess * ms // window.limit)
        case _:
            return max(window.resets_at, now + 1)


def settle(
    window: Window,
    *,
    charged: int,
    count: Count | None,
    probe: bool,
    now: int,
    held: int = 1,
    sent_at: int = 0,
) -> Window:
    """`window` after one of its reserved calls has ended.

    Args:
        window: The window the call was reserved in.
        charged: How much the provider charged for the call, as far as can be told.
        count: What the reply's headers said of this window.
        probe: Whether the call flew alone, so that `count` is exact.
        now: The moment of the reply.
        held: How much was reserved for the call.
        sent_at: When the call was sent: what was given up before is in its `count`, if charged.
    """
    window = replace(refreshed(window, now), reserved=max(0, window.reserved - held))
    if count is None:
        return _raise_limit(_doubted(_spend(window, charged, now), charged, now))
    window = _settled_doubts(window, now + 1 if probe else sent_at)
    limit = count.limit
    if limit is None:
        limit = max(window.limit or 0, window.spent + charged + count.remaining)
    return replace(
        _counted(window, charged, count.spent(limit), now, probe=probe),
        limit=limit,
        limit_source=Source.HEADER,
        limit_learned_at=now,
    )


def _doubted(window: Window, charged: int, now: int) -> Window:
    """`window` with what no reply has told of; a flow forgets it by itself."""
    if charged == 0 or not isinstance(window.period, Calendar):
        return window
    return replace(window, doubts=(*window.doubts, (now, charged)))


def _settled_doubts(window: Window, before: int) -> Window:
    """`window` without what was given up `before` a call was sent whose count is at hand."""
    left = tuple(doubt for doubt in window.doubts if doubt[0] >= before)
    given_back = flow.total(window.doubts) - flow.total(left)
    return replace(window, spent=max(0, window.spent - given_back), doubts=left)


def _counted(window: Window, charged: int, reported: int, now: int, *, probe: bool) -> Window:
    """`window` after a call, the provider having `reported` what was spent in all.

    In a rolling period a call counts from its own end on, whatever was reported: older ones may
    have fallen out of the provider's sight and not yet out of ours. What is beyond it and those
    in flight is somebody else's.
    """
    if not isinstance(window.period, Rolling):
        more = reported - window.spent
        return _spend(window, more if probe else max(0, more), now)
    window = _spend(window, charged, now)
    beyond = reported - window.spent - window.reserved
    if beyond < 0 and probe:
        recent = flow.lowered(window.recent, -beyond)
        return replace(window, recent=recent, spent=flow.total(recent))
    return _spend(window, max(0, beyond), now)


def _spend(window: Window, amount: int, now: int) -> Window:
    """`window` with `amount` more spent at `now`, or less if it is negative."""
    if not isinstance(window.period, Rolling):
        return replace(window, spent=max(0, window.spent + amount))
    recent = flow.changed(window.recent, now, amount)
    return replace(window, recent=recent, spent=flow.total(recent))


def balance(window: Window, count: Count, now: int) -> Window:
    """`window` of a balance that the provider was asked for, `now`: the truth beside calls.

    Whether it holds those in flight, nobody knows: what is beyond ours and them is somebody
    else's, and a lower one, as after a grant, is taken to hold none of them.
    If there is something to spend again, one probe may try.
    """
    limit = count.limit if count.limit is not None else count.remaining
    reported = count.spent(limit)
    spent = min(reported, max(window.spent, reported - window.reserved))
    told = replace(
        window, limit=limit, spent=spent, limit_source=Source.BALANCE, limit_learned_at=now
    )
    if told.room and window.gate.cause is Cause.SPENT:
        return replace(told, gate=replace(window.gate, opens_at=0))
    return told


def _raise_limit(window: Window) -> Window:
    """A limit that was seen to be exceeded was too low."""
    if window.limit is None or window.spent <= window.limit:
        return window
    return replace(window, limit=window.spent)


def learn_spent(window: Window, now: int, *, sure: bool = True) -> Window:
    """`window` after the provider said that its allowance is spent, without a count.

    What was spent by then is the limit. Nothing is learned from a refusal of a window in which
    nothing was spent: its reset is late, or somebody else spent it. Nor from one that is not
    `sure` to speak of the allowance, if little was spent: an overload would look the same.
    """
    if window.untouched or window.limit_source in (Source.HEADER, Source.BALANCE):
        return window
    if not sure and window.limit is not None and window.spent < window.limit // 20:
        return window
    return replace(window, limit=window.spent, limit_source=Source.REFUSAL, limit_learned_at=now)
