"""Renewal of windows: roll-over at a reset, and clocks that are set back.

Continuous renewal is in usage.py, the effect of calls on windows in quota.py and charging.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runner.core import gate as gates
from runner.core import rolling
from runner.core.gate import ParkReason
from runner.core.time_units import WEEK_MS
from runner.core.usage import refreshed
from runner.core.verdict import Scope
from runner.core.window import Key, LimitRecheck, Quota, Source, Unit, Window, open_window

# A clock that is this far behind the start of the latest call was set back.
SET_BACK_MS = 60_000
# The tolerance for the skew of clocks and the travel time of replies.
CLOCK_TOLERANCE_MS = 120_000
# After this many answers without a count, the replies are assumed to have none any more.
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
    """Returns the windows that a call to `model` touches at `now`, in the order of `quotas`.

    `known` has the latest window of each quota. A window whose reset has come is replaced by a
    fresh one, and a missing one is opened. If `now` comes from the provider's own clock (`sure`), a
    window that has not begun is replaced as well: a wrong clock had opened it.
    """
    if sure:
        known = _begun(known, account, quotas, now)
    latest = [
        known.get((account, model if rule.scope is Scope.MODEL else "", rule.name))
        for rule in quotas
    ]
    # After a clock was set back, all windows of a call must still be of the same day.
    now = max([now, *(w.starts_at for w in latest if w is not None and w.period_key)])
    return without_superseded_limits(
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
    """Returns `known` with present windows in place of those of a day that has not begun."""
    early = {
        key: window
        for key, window in known.items()
        if key[0] == account
        and window.period.resets
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
    """Returns the present window, with the spending of `window` and of the day before it."""
    fresh = open_window(quota, window.account, window.model, now)
    inherited = _inherit_limit(fresh, window)
    spent = window.previous_spent + window.spent
    return replace(inherited, spent=spent, reserved=window.reserved)


def roll_over(window: Window, quota: Quota, now: int, reset_jitter_ms: int) -> Window:
    """Returns the window to use at `now`: the same one until its reset, then a fresh one.

    It never returns to an earlier window: after a clock was set back, the latest one stays, and
    waits are shortened with the clock, so that none lasts longer. A limit learned from the provider
    carries over. One learned from a refusal is given up after a week, since somebody else on the
    account may have caused it. The fresh window opens `reset_jitter_ms` after the reset, with a
    probe.
    """
    if window.period != quota.period:
        return open_window(quota, window.account, window.model, max(now, window.starts_at))
    window = _set_back(window, now)
    if now < window.resets_at:
        return _with_recheck(_with_rule(refreshed(window, now), quota), quota, now)
    fresh = _following(window, open_window(quota, window.account, window.model, now))
    gate = gates.after_reset(fresh.starts_at + reset_jitter_ms, window.gate, now)
    if fresh.period_key == window.period_key and window.gate.reason is ParkReason.SPENT:
        gate = replace(gate, reason=ParkReason.SPENT, refusals=window.gate.refusals)
    if fresh.period_key == window.period_key:
        fresh = replace(fresh, refused=window.refused)
    fresh = replace(fresh, others=window.others)
    previous_spent = window.spent if window.resets_at == fresh.starts_at else 0
    inherited = _inherit_limit(replace(fresh, gate=gate, previous_spent=previous_spent), window)
    return _with_rule(inherited, quota)


def _following(window: Window, fresh: Window) -> Window:
    """Returns `fresh`, beginning at the end of `window` if a provider named a later reset.

    If the calendar's day is still the same, so is the window's key: calls in flight still find it,
    and each new refusal leads to a longer wait.
    """
    reserved = window.reserved if fresh.period_key == window.period_key else 0
    starts_at = max(fresh.starts_at, window.resets_at)
    return replace(fresh, starts_at=starts_at, reserved=reserved)


def _set_back(window: Window, now: int) -> Window:
    """Returns `window` with its moments moved back if the clock was set back.

    The evidence is a latest call that started in the future. Moments of the calendar stay.
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


def without_superseded_limits(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Returns `windows` without the limits that do not apply beside others: calls or credits.

    Where a balance is known, the provider counts credits, and its published limit of daily calls is
    ignored; limits that its replies state, and limits per minute, still apply. But if its replies
    count the remaining calls of the day, those apply and credits are ignored, unless it has refused
    a call for credits.
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
    """Whether replies still count the remaining calls of the account's calendar period."""
    counted = (window.unit, window.limit_source) == (Unit.CALLS, Source.HEADER)
    daily = window.period.resets and not window.model
    return counted and daily and rolling.total(window.unconfirmed) < MOST_UNTOLD


def _published_allowance(window: Window) -> bool:
    of_calls = (window.unit, window.limit_source) == (Unit.CALLS, Source.PRESET)
    return of_calls and window.period.resets


def _with_rule(window: Window, quota: Quota) -> Window:
    """Returns `window` under `quota`, which the user may have changed since it was opened."""
    limit, source = window.limit, window.limit_source
    if source in (Source.PRESET, Source.CONFIGURED):
        limit, source = quota.limit, quota.source
    rule = (limit, source, quota.reserve_of(limit), quota.unit, quota.primary)
    present = (window.limit, window.limit_source, window.reserve, window.unit, window.primary)
    if present == rule:
        return window
    limit, source, reserve, unit, primary = rule
    return replace(
        window, limit=limit, limit_source=source, reserve=reserve, unit=unit, primary=primary
    )


def _with_recheck(window: Window, quota: Quota, now: int) -> Window:
    """Returns `window`, with room for one probe if it may not be as full as it seems.

    A used-up limit that was learned from a refusal is exceeded as a recheck, once a day: somebody
    else may have used the account on the day on which it was learned. And unconfirmed calls may not
    have been charged.
    """
    if _recheck_is_due(window, now):
        gate = replace(window.gate, needs_probe=True, reason=ParkReason.AMBIGUOUS, refusals=1)
        # Under the higher limit, the previous day would seem to have left something, and a refusal
        # would be explained by a late reset.
        window = replace(window, limit_source=quota.source, gate=gate, previous_spent=0)
        return _with_rule(window, quota)
    counted = window.limit_source is Source.HEADER and window.reserved == 0
    if window.remaining != 0 or not window.unconfirmed or not counted:
        return window
    spent = max(0, window.spent - rolling.total(window.unconfirmed))
    return replace(window, spent=spent, unconfirmed=(), gate=replace(window.gate, needs_probe=True))


def _recheck_is_due(window: Window, now: int) -> bool:
    """Whether a limit learned from a refusal is used up, and its recheck is due."""
    ahead = window.limit_recheck is LimitRecheck.AHEAD
    due = max(window.limit_recheck_at, window.gate.parked_until) <= now
    return ahead and window.reserved == 0 and window.remaining == 0 and due


def _inherit_limit(fresh: Window, old: Window) -> Window:
    learned_at = old.limit_learned_at
    if learned_at is None or old.limit == 0:  # under a limit of 0 no probe could tell that it rose
        return fresh
    if old.limit_recheck is LimitRecheck.UNDER_WAY:  # the provider is known to allow what was spent
        old = replace(old, limit=old.spent, limit_source=Source.REFUSAL)
    if old.limit_source is Source.REFUSAL and fresh.starts_at - learned_at > WEEK_MS:
        # Under the published limit, a refusal would seem to come of a late reset, as in a recheck.
        return replace(fresh, previous_spent=0) if old.spent >= (old.limit or 0) else fresh
    return replace(
        fresh, limit=old.limit, limit_source=old.limit_source, limit_learned_at=learned_at
    )
