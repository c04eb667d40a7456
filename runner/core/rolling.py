"""The arithmetic of amounts that come back by themselves: a sliding sum, and a leaking bucket."""

from __future__ import annotations

# (moment in ms, amount), oldest first
Recent = tuple[tuple[int, int], ...]

# Amounts of the same stretch are kept as one, at its end: so a window holds some dozens of entries
# whatever its length, and counts each amount a little too long rather than too short.
GRAIN_MS = 1_000
GRAINS = 60


def grain(period_ms: int) -> int:
    """The length of the stretches in which a rolling period of `period_ms` is kept, in ms."""
    return max(GRAIN_MS, period_ms // GRAINS)


def within(recent: Recent, since: int) -> Recent:
    """What was spent after `since`."""
    return tuple(entry for entry in recent if entry[0] > since)


def total(recent: Recent) -> int:
    """The sum of it."""
    return max(0, sum(amount for _, amount in recent))


def shift(recent: Recent, by: int) -> Recent:
    """`recent` with all its moments `by` ms earlier: the clock was set back."""
    return tuple((moment - by, amount) for moment, amount in recent)


def add(recent: Recent, now: int, amount: int, grain_ms: int = GRAIN_MS) -> Recent:
    """`recent` with `amount` more at `now`, kept in stretches of `grain_ms`."""
    if amount == 0:
        return recent
    moment = -(-now // grain_ms) * grain_ms
    *older, (last, held) = recent or ((moment, 0),)
    if last >= moment:
        return (*older, (last, held + amount))
    return (*recent, (moment, amount))


def drop_oldest(recent: Recent, by: int) -> Recent:
    """`recent` with its oldest `by` gone: they have fallen out of sight."""
    kept: list[tuple[int, int]] = []
    for moment, amount in recent:
        gone = min(by, amount)
        by -= gone
        if amount > gone:
            kept.append((moment, amount - gone))
    return tuple(kept)


def time_until_at_most(recent: Recent, bound: int, ms: int) -> int | None:
    """When the sum over the last `ms` is at most `bound`; None if never, for it is negative."""
    if bound < 0:
        return None
    left = total(recent)
    for moment, amount in recent:
        left -= amount
        if left <= bound:
            return moment + ms
    return None


def leaked(spent: int, since: int, limit: int, ms: int, now: int) -> tuple[int, int]:
    """What is left at `now` of what was `spent` at `since`, when `limit` drips back every `ms`.

    Returns it with the moment at which it is exact: the last whole unit's.
    """
    back = max(0, now - since) * limit // ms
    if back >= spent:
        return 0, now
    return spent - back, since + -(-back * ms // max(1, limit))
