"""The arithmetic of allowances: admit, reserve, settle, learn.

It knows what calls do to windows; window.py, what those are. Who may call when a window is
parked is gate.py's to say, and how fast a budget is spent is pacing.py's.

A call touches the windows of its account and of its model. It is admitted when every one of them
has room for what it costs there (one call, some tokens, some credits), and reserves that in each;
the reservation is part of the decided state. What the provider says of a window outranks the
ledger's own count:

- A count in a reply's headers includes every call answered so far, and perhaps some in flight,
  which are still reserved here. So a count may only raise ours: replies overtake one another.
- The reply to a probe, which flies alone, is exact: it may lower ours, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runner.core import gate as gates
from runner.core import rolling
from runner.core.gate import ParkReason
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.renewal import refreshed
from runner.core.window import ONE_CALL, Cost, Count, Source, Window

# The longest periods of calendars: the day on which clocks are set back, and a month with one.
LONGEST_MS = {"day": 25 * gates.HOUR_MS, "month": (31 * 24 + 1) * gates.HOUR_MS}
# A moment told in whole minutes or on the way for a while is the same.
SAME_RESET_MS = 120_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """`count` calls may start: `reserve` lets them in."""

    count: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """No call may start before `until` (None: before the calls in flight have ended)."""

    until: int | None
    why: str
    window: Window


def admit(
    windows: Sequence[Window], want: int, now: int, cost: Cost = ONE_CALL
) -> Admitted | Refused:
    """How many calls, up to `want` (at least 1), every window lets in, or what hinders it.

    When a gate asks for a probe, one call is admitted, however many are wanted, and none before
    the calls that were under way when it shut have ended: beside them no count would be exact.
    Nor is more than one in flight beyond a limit that was learned from a refusal: the next one
    may come at any moment.
    """
    for window in windows:
        if (refused := _closed(window, now, cost)) is not None:
            return refused
    probe = any(window.gate.needs_probe for window in windows)
    count = 1 if probe or any(window.is_retried for window in windows) else want
    for window in windows:
        if (left := window.calls_left(cost)) is not None:
            count = min(count, left)
    return Admitted(count, probe)


def unreserved(windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows as they are to those for whom the rest is reserved."""
    return tuple(replace(window, reserve=0) if window.reserve else window for window in windows)


def reserve(
    windows: Sequence[Window],
    count: int,
    now: int,
    cost: Cost = ONE_CALL,
    *,
    by_client: bool = False,
) -> tuple[Window, ...]:
    """The windows once `count` calls that `admit` allows are under way."""
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
    """`window` after clients have taken `more` of it, or have got it back."""
    if not more or not isinstance(window.period, Calendar):
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
    if window.is_retried and window.reserved:
        return Refused(None, "beyond a limit that was learned, one call at a time", window)
    if window.calls_left(cost) == 0:
        return Refused(room_at(window, cost, now), _full(window), window)
    return None


def _full(window: Window) -> str:
    match window.period:
        case Calendar(unit, _):
            return f"the {unit}'s allowance is spent"
        case Rolling() | Refill():
            return f"as many {window.unit} as are allowed at once"
        case Grant():
            return f"the {window.unit} are spent"


def room_at(window: Window, cost: Cost, now: int) -> int | None:
    """When a full `window` has room for one call again by itself; None: when calls end."""
    bound = (window.limit or 0) - window.kept - window.cost_of(cost)
    match window.period:
        case Rolling(ms):
            return rolling.time_until_at_most(window.recent, bound - window.reserved, ms)
        case Refill(ms):
            excess = window.spent + window.reserved - bound
            if window.reserved > bound or not window.limit:
                return None
            return window.counted_at + -(-excess * ms // window.limit)
        case Calendar() if window.may_be_tried and now < window.limit_tried_at:
            return window.limit_tried_at
        case Calendar() | Grant():
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
        sent_at: When the call was sent. Calls given up earlier are in `count` if they were charged.
    """
    window = replace(refreshed(window, now), reserved=max(0, window.reserved - held))
    if count is None:
        return _raise_limit(_doubted(_spend(window, charged, now), charged, now))
    window = _settled_doubts(window, now + 1 if probe else sent_at)
    limit = count.limit
    if limit is None:
        limit = max(window.limit or 0, window.spent + charged + count.remaining)
        if limit == 0:  # that nothing is left tells no limit of which nothing is known
            return window
    return replace(
        _counted(window, charged, count.spent(limit), now, probe=probe),
        limit=limit,
        limit_source=Source.HEADER,
        limit_learned_at=now,
    )


def header_reset(window: Window, count: Count | None, now: int) -> int | None:
    """Until when nothing is left, as a reply's headers tell; None: they do not, or not sanely.

    Only a reply that leaves nothing is believed: whatever a provider means by its reset (all
    comes back, as after a day; or the next call, as in a sliding one), no call is let in before
    it, and what is tried then is one probe. It outranks the calendar, which is but the preset's.
    A calendar's reset lies ahead, by no more than its period. Of a flow it is believed from the
    flow's own length on, which it contradicts, up to a day. Never sooner than a refused probe is
    repeated: a provider may say the same second every time.
    """
    if count is None or count.remaining > 0 or count.resets_in is None:
        return None
    match window.period:
        case Calendar(unit, _):
            shortest, longest = 0, LONGEST_MS[unit]
        case Rolling(ms) | Refill(ms):
            shortest, longest = ms, LONGEST_MS["day"]
        case Grant():
            return None
    if not shortest < count.resets_in <= longest:
        return None
    until = max(now, window.starts_at) + max(count.resets_in, gates.probe_wait(window.gate))
    # Of a calendar it may be the very midnight, told on a clock and a way of its own.
    return window.resets_at if abs(until - window.resets_at) <= SAME_RESET_MS else until


def with_header_reset(window: Window, until: int | None) -> Window:
    """`window` of a calendar with the end it was told."""
    if until is None or not isinstance(window.period, Calendar):
        return window
    return replace(window, resets_at=until)


def _doubted(window: Window, charged: int, now: int) -> Window:
    """`window` with what no reply has told of, where others do tell; a flow forgets by itself."""
    if window.limit_source is not Source.HEADER or not isinstance(window.period, Calendar):
        return window
    return replace(window, unconfirmed=rolling.add(window.unconfirmed, now, charged))


def _settled_doubts(window: Window, before: int) -> Window:
    """`window` without what was given up `before` a call was sent whose count is at hand."""
    left = tuple(doubt for doubt in window.unconfirmed if doubt[0] >= before)
    given_back = rolling.total(window.unconfirmed) - rolling.total(left)
    return replace(window, spent=max(0, window.spent - given_back), unconfirmed=left)


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
        recent = rolling.drop_oldest(window.recent, -beyond)
        return replace(window, recent=recent, spent=rolling.total(recent))
    return _spend(window, max(0, beyond), now)


def _spend(window: Window, amount: int, now: int) -> Window:
    """`window` with `amount` more spent at `now`, or less if it is negative."""
    match window.period:
        case Rolling(ms):
            recent = rolling.add(window.recent, now, amount, rolling.grain(ms))
            return replace(window, recent=recent, spent=rolling.total(recent))
        case Calendar() | Refill() | Grant():
            return replace(window, spent=max(0, window.spent + amount))


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
    if told.remaining and window.gate.reason is ParkReason.SPENT:
        return replace(told, gate=replace(window.gate, parked_until=0))
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
