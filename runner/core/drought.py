"""Droughts: one refusal after the other, and no call let in between them.

It tells when to try again, and when that has been tried often enough. A limit on the rate is over
in a second or at the end of its window; an outage, when it is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

# How long to wait after the n-th refusal: the first two clear a limit by the second, the later
# ones find the end of an outage within ten seconds, for ten calls a minute.
WAITS_MS = (1_000, 2_000, 5_000, 10_000)
# With a known rate, the first wait is so many of its gaps, if that is shorter; the others are so
# many of them at least.
FIRST_GAPS = 4
LATER_GAPS = 2
# Limits are told by the second, ten seconds or minute: no wait passes over such an end.
WINDOWS_MS = (1_000, 10_000, 60_000)
WINDOW_MARGIN_MS = 100
# So many waits in a row that the provider named are believed; after that, the longer of its and
# ours is kept: "Retry-After: 0" of a server that is down.
BELIEVED = 3
# A call that has not been refused for so many times what refusals take is let in: its answer may
# take a minute.
LEAST_PATIENCE_MS = 250
DELAYS = 4
# More refusals in a row than throttling explains: with the waits above, 100 s.
EXHAUSTED = 14


class Drought(NamedTuple):
    """The drought under way, and the last one that is over.

    Attributes:
        refusals: How many in a row; 0: there is none.
        began_at: When it began.
        unsure_ms: So long ago it may have ended, unseen: the last wait, if that was a guess.
        tried_at: When the call that tries the route was sent.
        over: The last refusal was one of a drought that is over.
        seen: There has been one.
    """

    refusals: int = 0
    began_at: int = 0
    unsure_ms: int = 0
    tried_at: int = 0
    over: bool = False
    seen: bool = False


def begun(d: Drought, now: int) -> Drought:
    """With its first refusal."""
    return d._replace(refusals=1, began_at=now, over=True)


def ended(d: Drought) -> Drought:
    """A call was let in."""
    return d._replace(refusals=0, over=True, seen=True)


def wait(
    d: Drought, named_ms: int | None, gap_ms: float | None, cycle_at: int, now: int
) -> tuple[Drought, int]:
    """Until when nothing is started.

    Args:
        d: The drought, this refusal counted.
        named_ms: The wait that the provider named.
        gap_ms: Between two starts, where the rate is known.
        cycle_at: When calls were let in again after the drought before: a window may have begun.
        now: The present moment.
    """
    if named_ms is not None and d.refusals <= BELIEVED:
        return d._replace(unsure_ms=WAITS_MS[0]), now + named_ms
    until = now + max(named_ms or 0, _own_wait(d.refusals - 1, gap_ms))
    for window in WINDOWS_MS:
        end = cycle_at + window + WINDOW_MARGIN_MS
        if named_ms is None and now + WINDOW_MARGIN_MS < end < until:
            return d._replace(unsure_ms=0), end
    return d._replace(unsure_ms=until - now), until


def let_in_at(d: Drought, refusal_ms: int) -> int:
    """When the call that tries the route counts as let in, if refusals take `refusal_ms`."""
    return d.tried_at + max(LEAST_PATIENCE_MS, DELAYS * refusal_ms)


def _own_wait(tried: int, gap_ms: float | None) -> int:
    usual = WAITS_MS[min(tried, len(WAITS_MS) - 1)]
    if gap_ms is None:
        return usual
    if tried == 0:
        return math.ceil(min(usual, FIRST_GAPS * gap_ms))
    return math.ceil(max(usual, min(LATER_GAPS * gap_ms, WAITS_MS[-1])))
