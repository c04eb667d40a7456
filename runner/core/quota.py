"""The arithmetic of allowances: open, admit, settle, refund, learn.

It knows windows and counts; who may call when a window is parked is gate.py's to say, and how
fast a budget is spent is pacing.py's.

A call touches the windows of its account and of its model. It is admitted when every one of them
has room, and reserves one in each; the reservation is part of the decided state. What the
provider says of a window outranks the ledger's own count:

- A count in a reply's headers includes every call answered so far, and perhaps some in flight,
  which are still reserved here. So a count may only raise ours: replies overtake one another.
- The reply to a probe, which flies alone, is exact: it may lower ours, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from runner.core import gate as gates
from runner.core.calendar import day_at
from runner.core.gate import Gate
from runner.core.verdict import Scope

WEEK_MS = 7 * 24 * 3600 * 1000


class Source(StrEnum):
    """Where the knowledge of a limit comes from, weakest first."""

    PRESET = "preset"
    CONFIGURED = "configured"
    REFUSAL = "refusal"  # learned from an error body: what was spent when it came
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Quota:
    """A rule: at most `limit` calls per calendar day of `zone`, for an account or a model on it.

    `limit` None means that only the provider knows. `reserve` calls a day are left untouched.
    """

    name: str
    scope: Scope
    limit: int | None
    zone: str
    source: Source = Source.PRESET
    reserve: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """One day of one quota. Moments are ms since the epoch; counts are calls.

    `spent` is what the provider has counted, as far as is known, without the `reserved` ones,
    which are in flight. `model` is empty for the account's own window. `carried` is what the
    day before had spent: a count that goes on from there shows that the reset is late.
    `started_at` is when its latest call was let in, whichever runner made it.
    """

    account: str
    model: str
    day: str
    starts_at: int
    resets_at: int
    limit: int | None
    limit_source: Source = Source.PRESET
    limit_learned_at: int | None = None
    reserve: int = 0
    spent: int = 0
    reserved: int = 0
    carried: int = 0
    started_at: int | None = None
    gate: Gate = field(default_factory=Gate)

    @property
    def untouched(self) -> bool:
        """Whether no call is known to have been spent in it."""
        return self.spent == 0

    @property
    def room(self) -> int | None:
        """How many more calls may be reserved; None when no limit is known."""
        if self.limit is None:
            return None
        return max(0, self.limit - self.reserve - self.spent - self.reserved)


@dataclass(frozen=True, slots=True)
class Count:
    """A provider's own account of a window, from the headers of one reply."""

    limit: int
    remaining: int

    @property
    def spent(self) -> int:
        """What the provider has counted so far."""
        return max(0, self.limit - self.remaining)


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
    """The window of `now`, with nothing spent; its first call is a probe."""
    day = day_at(now, quota.zone)
    scope_model = model if quota.scope is Scope.MODEL else ""
    return Window(
        account,
        scope_model,
        day.name,
        day.starts_at,
        day.ends_at,
        quota.limit,
        quota.source,
        reserve=quota.reserve,
    )


def current(window: Window, quota: Quota, now: int, margin_ms: int) -> Window:
    """The window to use at `now`: the same one until its reset, then a fresh one.

    It never goes back: a clock that is set back stays in the latest window. A limit learned from
    the provider carries over; one learned from a refusal is tried again after a week, since a
    stranger on the account may have caused it. The fresh window opens `margin_ms` after the
    reset, with a probe.
    """
    if now < window.resets_at:
        return _with_rule(window, quota)
    fresh = open_window(quota, window.account, window.model, now)
    gate = gates.after_reset(fresh.starts_at + margin_ms, window.gate, now)
    carried = window.spent if window.resets_at == fresh.starts_at else 0
    return _inherit_limit(replace(fresh, gate=gate, carried=carried), window)


def _with_rule(window: Window, quota: Quota) -> Window:
    """`window` under a rule that the user may have changed since it was opened."""
    learned = window.limit_source in (Source.HEADER, Source.REFUSAL)
    if learned:
        return replace(window, reserve=quota.reserve)
    return replace(window, limit=quota.limit, limit_source=quota.source, reserve=quota.reserve)


def _inherit_limit(fresh: Window, old: Window) -> Window:
    learned_at = old.limit_learned_at
    if learned_at is None:
        return fresh
    if old.limit_source is Source.REFUSAL and fresh.starts_at - learned_at > WEEK_MS:
        return fresh
    return replace(
        fresh, limit=old.limit, limit_source=old.limit_source, limit_learned_at=learned_at
    )


def admit(windows: Sequence[Window], want: int, now: int) -> Admitted | Refused:
    """Reserve up to `want` (at least 1) calls in every window at once, or say what hinders it.

    When a gate asks for a probe, one call is admitted, however many are wanted, and none before
    the calls that were under way when it shut have ended: beside them no count would be exact.
    """
    for window in windows:
        if (refused := _closed(window, now)) is not None:
            return refused
    probe = any(window.gate.probe for window in windows)
    count = 1 if probe else want
    for window in windows:
        if window.room is not None:
            count = min(count, window.room)
    return Admitted(reserve(windows, count, now), count, probe)


def reserve(windows: Sequence[Window], count: int, now: int) -> tuple[Window, ...]:
    """The windows once `count` calls that `admit` allows are under way."""
    return tuple(
        replace(w, reserved=w.reserved + count, started_at=now, gate=gates.entered(w.gate))
        for w in windows
    )


def _closed(window: Window, now: int) -> Refused | None:
    gate = window.gate
    if now < gate.opens_at:
        return Refused(gate.opens_at, gate.why, window)
    if gate.probing:
        return Refused(None, "a probe is under way", window)
    if gate.probe and window.reserved:
        return Refused(None, "the calls in flight end before the probe", window)
    if window.room == 0:
        return Refused(window.resets_at, "the day's allowance is spent", window)
    return None


def settle(window: Window, *, counted: bool, count: Count | None, probe: bool, now: int) -> Window:
    """`window` after one of its reserved calls has ended.

    Args:
        window: The window the call was reserved in.
        counted: Whether the provider charged the call, as far as can be told.
        count: What the reply's headers said of this window.
        probe: Whether the call flew alone, so that `count` is exact.
        now: The moment of the reply.
    """
    reserved = max(0, window.reserved - 1)
    if count is None:
        settled = replace(window, reserved=reserved, spent=window.spent + counted)
        return _raise_limit(settled)
    reported = count.spent
    spent = reported if probe else max(window.spent, reported)
    return replace(
        window,
        reserved=reserved,
        spent=spent,
        limit=count.limit,
        limit_source=Source.HEADER,
        limit_learned_at=now,
    )


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
    if window.untouched or window.limit_source is Source.HEADER:
        return window
    if not sure and window.limit is not None and window.spent < window.limit // 20:
        return window
    return replace(window, limit=window.spent, limit_source=Source.REFUSAL, limit_learned_at=now)
