"""The arithmetic of amounts that are renewed continuously: a sliding sum and a leaky bucket."""

from __future__ import annotations

# Amounts by their moments: (ms since the epoch, amount), the earliest first.
Amounts = tuple[tuple[int, int], ...]

# Amounts of the same stretch are kept as one entry, at its end. So a window has at most some dozens
# of entries, whatever its length, and counts an amount for slightly too long rather than too short.
GRAIN_MS = 1_000
GRAINS = 60


def grain(period_ms: int) -> int:
    """Returns the length of the stretches of a rolling period of `period_ms`, in ms."""
    return max(GRAIN_MS, period_ms // GRAINS)


def within(recent: Amounts, since: int) -> Amounts:
    """Returns the entries after `since`."""
    return tuple(entry for entry in recent if entry[0] > since)


def total(recent: Amounts) -> int:
    """Returns the sum of the amounts, at least 0."""
    return max(0, sum(amount for _, amount in recent))


def shift(recent: Amounts, by: int) -> Amounts:
    """Returns `recent` with all moments `by` ms earlier, after the clock was set back."""
    return tuple((moment - by, amount) for moment, amount in recent)


def add(recent: Amounts, now: int, amount: int, grain_ms: int = GRAIN_MS) -> Amounts:
    """Returns `recent` with `amount` added at `now`, in stretches of `grain_ms`."""
    if amount == 0:
        return recent
    moment = -(-now // grain_ms) * grain_ms
    *older, (last, last_amount) = recent or ((moment, 0),)
    if last >= moment:
        return (*older, (last, last_amount + amount))
    return (*recent, (moment, amount))


def drop_oldest(recent: Amounts, by: int) -> Amounts:
    """Returns `recent` without its oldest `by`."""
    kept: list[tuple[int, int]] = []
    for moment, amount in recent:
        gone = min(by, amount)
        by -= gone
        if amount > gone:
            kept.append((moment, amount - gone))
    return tuple(kept)


def time_until_at_most(recent: Amounts, bound: int, ms: int) -> int | None:
    """Returns when the sum over the last `ms` will be at most `bound`; None if that is negative."""
    if bound < 0:
        return None
    left = total(recent)
    for moment, amount in recent:
        left -= amount
        if left <= bound:
            return moment + ms
    return None


def leaked(spent: int, since: int, limit: int, ms: int, now: int) -> tuple[int, int]:
    """Returns what is left at `now` of `spent` at `since`, if `limit` leaks evenly in `ms`.

    The second value is the moment at which the result is exact: when the last whole unit leaked.
    """
    back = max(0, now - since) * limit // ms
    if back >= spent:
        return 0, now
    return spent - back, since + -(-back * ms // max(1, limit))
