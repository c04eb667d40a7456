"""How far a provider's clock is from ours, as the Dates of its replies tell.

One Date proves little: it may be cached, made up, or of a device without a clock. So what differs
from what is known is believed only when it is plausible and several replies have told the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.core.renewal import CLOCK_TOLERANCE_MS

DAY_MS = 24 * 3_600_000
# A clock that differs by more is not set wrong, but tells nonsense.
MOST_SKEW_MS = 31 * DAY_MS
# Unless it is ours: a machine without a clock of its own starts in 1970. No reply came before this.
EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
# So many replies must tell the same, over at least this time: a cached Date stands still.
SIGHTINGS = 3
SPAN_MS = 1_000


@dataclass(frozen=True, slots=True)
class Skew:
    """What is known of the difference between two clocks.

    Attributes:
        ms: How far the provider's clock is ahead.
        is_confirmed: Whether the latest reply with a Date has said so.
        other: What replies since then have told instead; None: nothing else.
        sightings: How many of them.
        since: When the first of them came, by a clock that never goes back (ms).
    """

    ms: int = 0
    is_confirmed: bool = False
    other: int | None = None
    sightings: int = 0
    since: int = 0


def observed(skew: Skew, date: int, now: int, loop_ms: int) -> Skew:
    """What is known after a reply.

    Args:
        skew: What was known.
        date: The reply's Date (ms since the epoch).
        now: When the reply came, by our clock.
        loop_ms: The same moment by a clock that never goes back.
    """
    found = date - now
    if abs(found) <= CLOCK_TOLERANCE_MS:
        found = 0
    if abs(found - skew.ms) <= CLOCK_TOLERANCE_MS:
        return Skew(skew.ms if found else 0, is_confirmed=True)
    if not is_plausible(date, now):
        return skew
    if skew.other is None or abs(found - skew.other) > CLOCK_TOLERANCE_MS:
        return Skew(skew.ms, other=found, sightings=1, since=loop_ms)
    seen = replace(skew, sightings=skew.sightings + 1)
    if seen.sightings >= SIGHTINGS and loop_ms - seen.since >= SPAN_MS:
        return Skew(found, is_confirmed=True)
    return seen


def is_plausible(date: int, now: int) -> bool:
    """Whether a clock may really show `date` when ours shows `now`."""
    return date >= EPOCH_MS and (abs(date - now) <= MOST_SKEW_MS or now < EPOCH_MS)
