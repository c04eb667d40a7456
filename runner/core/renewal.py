"""How windows renew themselves: roll over at a reset, refill, forget, follow a clock set back.

What a call does to a window is quota.py's and charging.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runner.core import gate as gates
from runner.core import rolling
from runner.core.gate import ParkReason
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.verdict import Scope
from runner.core.window import Key, Quota, Source, Unit, Window, open_window

WEEK_MS = 7 * 24 * 3600 * 1000
# A clock that shows this much less than at the latest call was set back.
SET_BACK_MS = 60_000
# What clocks differ by, and replies take on their way.
CLOCK_TOLERANCE_MS = 120_000
# After so many answers without a count, the replies tell of it no more.
MOST_UNTOLD = 10


def windows_at(
    known: Mapping[Key, Window],
    account: str,
    model: str,
    quotas: Sequence[Quota],
    now: int,
    reset_jitter_ms: int,
    *,
    sure: bool = False,
) -> tuple[Window, ...]:
    """The windows that a call to `model` touches at `now`, in the order of `quotas`.

    They are taken from `known`, which holds the latest window of each quota; a window whose reset
    has come gives way to a fresh one, and so does one that is not known yet. If the provider itself
    has told `now` (`sure`), one that has not begun gives way as well: a wrong clock had opened it.
    """
    if sure:
        known = _begun(known, account, quotas, now)
    latest = [
        known.get((account, model if rule.scope is Scope.MODEL else "", rule.name))
        for rule in quotas
    ]
    # A clock that was set back must not leave a call between two days.
    now = max([now, *(w.starts_at for w in latest if w is not None and w.period_key)])
    return effective(
        tuple(
            open_window(rule, account, model, now)
            if window is None
            else roll_over(window, rule, now, reset_jitter_ms)
            for rule, window in zip(quotas, latest, strict=True)
        )
    )


def _begun(
    known: Mapping[Key, Window], account: str, quotas: Sequence[Quota], now: int
) -> Mapping[Key, Window]:
    """`known` with the windows of now in the place of those of a day that has not begun."""
    early = {
        key: window
        for key, window in known.items()
        if key[0] == account
        and isinstance(window.period, Calendar)
        and window.starts_at > now + CLOCK_TOLERANCE_MS
    }
    rules = {rule.name: rule for rule in quotas}
    begun = {
        key: _rolled_back(window, rules[window.quota], now)
        for key, window in early.items()
        if window.quota in rules
    }
    return {**known, **begun} if begun else known


def _rolled_back(window: Window, quota: Quota, now: int) -> Window:
    """The window of now, in which was spent what `window` and the day before it had."""
    fresh = open_window(quota, window.account, window.model, now)
    inherited = _inherit_limit(fresh, window)
    spent = window.previous_spent + window.spent
    return replace(inherited, spent=spent, reserved=window.reserved)


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
    window = _set_back(window, now)
    if now < window.resets_at:
        return _tried(_with_rule(refreshed(window, now), quota), quota, now)
    fresh = _following(window, open_window(quota, window.account, window.model, now))
    gate = gates.after_reset(fresh.starts_at + reset_jitter_ms, window.gate, now)
    if fresh.period_key == window.period_key and window.gate.reason is ParkReason.SPENT:
        gate = replace(gate, reason=ParkReason.SPENT, refusals=window.gate.refusals)
    previous_spent = window.spent if window.resets_at == fresh.starts_at else 0
    inherited = _inherit_limit(replace(fresh, gate=gate, previous_spent=previous_spent), window)
    return _with_rule(inherited, quota)


def _following(window: Window, fresh: Window) -> Window:
    """`fresh` from the end of `window` on, where a provider told of another than the calendar's.

    If the calendar's day goes on, the window is the same one, renewed: calls in flight find it,
    and each new refusal waits longer than the one before.
    """
    reserved = window.reserved if fresh.period_key == window.period_key else 0
    starts_at = max(fresh.starts_at, window.resets_at)
    return replace(fresh, starts_at=starts_at, reserved=reserved)


def _set_back(window: Window, now: int) -> Window:
    """`window` with its moments on a clock that was set back, by at least what its call shows.

    A call that started in the future is the evidence. What a calendar tells stays as it is.
    """
    gate = window.gate
    by = 0 if window.last_start_at is None else window.last_start_at - now
    if by < SET_BACK_MS:
        return window
    if gate.reason is not ParkReason.RESET and gate.parked_until < window.resets_at:
        gate = gates.shift(gate, by)
    return replace(
        window,
        last_start_at=now,
        counted_at=window.counted_at - by,
        recent=rolling.shift(window.recent, by),
        unconfirmed=rolling.shift(window.unconfirmed, by),
        gate=gate,
    )


def effective(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """`windows` by the regime that the account reveals, where a balance is known.

    A provider that counts credits counts no calls of a day, whatever was once published; what it
    reveals of calls is believed all the same, and how many it takes a minute is another matter.
    One whose replies tell how many calls of the day are left counts those, and no credits, unless
    it has refused a call for credits.
    """
    balances = [window for window in windows if window.limit_source is Source.BALANCE]
    if not balances:
        return windows
    spent = any(window.gate.reason is ParkReason.SPENT for window in balances)
    if not spent and any(map(_tells_of_calls, windows)):
        return tuple(replace(w, limit=None) if w in balances else w for w in windows)
    return tuple(
        replace(w, limit=None, reserve=0) if _published_allowance(w) else w for w in windows
    )


def _tells_of_calls(window: Window) -> bool:
    """Whether replies tell what is left of the account's calls of a day, and still do."""
    told = (window.unit, window.limit_source) == (Unit.CALLS, Source.HEADER)
    daily = isinstance(window.period, Calendar) and not window.model
    return told and daily and rolling.total(window.unconfirmed) < MOST_UNTOLD


def _published_allowance(window: Window) -> bool:
    of_calls = (window.unit, window.limit_source) == (Unit.CALLS, Source.PRESET)
    return of_calls and isinstance(window.period, Calendar)


def refreshed(window: Window, now: int) -> Window:
    """`window` with what has come back by itself until `now`."""
    match window.period:
        case Rolling(ms):
            if not window.recent or window.recent[0][0] > now - ms:
                return window
            recent = rolling.within(window.recent, now - ms)
            return replace(window, recent=recent, spent=rolling.total(recent))
        case Refill(ms) if window.limit is not None:
            spent, exact = rolling.leaked(window.spent, window.counted_at, window.limit, ms, now)
            return replace(window, spent=spent, counted_at=exact)
        case Refill() | Calendar() | Grant():
            return window


def _with_rule(window: Window, quota: Quota) -> Window:
    """`window` under a rule that the user may have changed since it was opened."""
    limit, source = window.limit, window.limit_source
    if source in (Source.PRESET, Source.CONFIGURED):
        limit, source = quota.limit, quota.source
    rule = (limit, source, quota.reserve_of(limit), quota.unit, quota.primary)
    held = (window.limit, window.limit_source, window.reserve, window.unit, window.primary)
    if held == rule:
        return window
    limit, source, reserve, unit, primary = rule
    return replace(
        window, limit=limit, limit_source=source, reserve=reserve, unit=unit, primary=primary
    )


def _tried(window: Window, quota: Quota, now: int) -> Window:
    """`window`, or what is left for one probe if what fills it may not be so.

    A limit that was learned from a refusal is given up for a try, once a day: a stranger may have
    been busy on the day on which it was learned. And most calls that hung had been counted when
    they came, as the replies of others told.
    """
    if _may_be_retried(window, now):
        gate = replace(window.gate, needs_probe=True, reason=ParkReason.AMBIGUOUS, refusals=1)
        # Under the limit that is tried, the day before would seem to have left something, and a
        # refusal to come of a late reset.
        window = replace(window, limit_source=quota.source, gate=gate, previous_spent=0)
        return _with_rule(window, quota)
    told = window.limit_source is Source.HEADER and window.reserved == 0
    if window.remaining != 0 or not window.unconfirmed or not told:
        return window
    spent = max(0, window.spent - rolling.total(window.unconfirmed))
    return replace(window, spent=spent, unconfirmed=(), gate=replace(window.gate, needs_probe=True))


def _may_be_retried(window: Window, now: int) -> bool:
    """Whether a limit learned from a refusal is used up, and it is time for its try."""
    due = max(window.limit_tried_at, window.gate.parked_until) <= now
    return window.may_be_tried and window.reserved == 0 and window.remaining == 0 and due


def _inherit_limit(fresh: Window, old: Window) -> Window:
    learned_at = old.limit_learned_at
    if learned_at is None:
        return fresh
    if old.is_retried:  # as much as was spent is known to be allowed
        old = replace(old, limit=old.spent, limit_source=Source.REFUSAL)
    if old.limit_source is Source.REFUSAL and fresh.starts_at - learned_at > WEEK_MS:
        # As for a limit that is tried.
        return replace(fresh, previous_spent=0) if old.spent >= (old.limit or 0) else fresh
    return replace(
        fresh, limit=old.limit, limit_source=old.limit_source, limit_learned_at=learned_at
    )
