"""Clock skew: the difference between a provider's clock and ours, from the Dates of its replies.

One Date proves little: it may be cached, made up, or come from a device without a clock. So a new
value is accepted only when it is plausible and several replies show the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.core.renewal import CLOCK_TOLERANCE_MS
from runner.core.time_units import DAY_MS

# A larger difference is nonsense, not a wrongly set clock.
MOST_SKEW_MS = 31 * DAY_MS
# The exception is ours: a machine without a battery-backed clock starts in 1970. No real reply is
# older than this.
EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
# This many replies must show the same skew, over at least this time: a cached Date stands still.
SIGHTINGS = 3
SPAN_MS = 1_000


@dataclass(frozen=True, slots=True)
class Skew:
    """The known difference between two clocks.

    Attributes:
        ms: How far the provider's clock is ahead of ours, in ms.
        is_confirmed: Whether the latest reply with a Date showed `ms`.
        other: Another skew that the replies since then show, in ms; None if they show none.
        sightings: The number of replies that show `other`.
        since: When the first of them came, by a monotonic clock (ms).
    """

    ms: int = 0
    is_confirmed: bool = False
    other: int | None = None
    sightings: int = 0
    since: int = 0


def observed(skew: Skew, date: int, now: int, loop_ms: int) -> Skew:
    """Returns the skew after a reply.

    Args:
        skew: The skew before it.
        date: The reply's Date (ms since the epoch).
        now: When the reply came, by our clock (ms since the epoch).
        loop_ms: The same moment by a monotonic clock.
    """
    ahead = date - now
    if abs(ahead) <= CLOCK_TOLERANCE_MS:
        ahead = 0
    if abs(ahead - skew.ms) <= CLOCK_TOLERANCE_MS:
        return Skew(skew.ms if ahead else 0, is_confirmed=True)
    if not is_plausible(date, now):
        return skew
    if skew.other is None or abs(ahead - skew.other) > CLOCK_TOLERANCE_MS:
        return Skew(skew.ms, other=ahead, sightings=1, since=loop_ms)
    seen = replace(skew, sightings=skew.sightings + 1)
    if seen.sightings >= SIGHTINGS and loop_ms - seen.since >= SPAN_MS:
        return Skew(ahead, is_confirmed=True)
    return seen


def is_plausible(date: int, now: int) -> bool:
    """Whether the provider's clock may show `date` when ours shows `now`."""
    return date >= EPOCH_MS and (abs(date - now) <= MOST_SKEW_MS or now < EPOCH_MS)
