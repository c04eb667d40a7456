"""Back-offs: consecutive refusals without an accepted call between them, and the waits in them.

A rate limit ends after a second or at the end of its window; the end of an outage is unknown.
"""

from __future__ import annotations

import math
from typing import NamedTuple

# The waits after the 1st, 2nd, ... refusal: the first two outlast a limit per second, the later
# ones detect the end of an outage within ten seconds, for some calls a minute.
WAITS_MS = (1_000, 2_000, 5_000, 10_000)
# With a known rate, the first wait is at most FIRST_GAPS gaps between starts, and the later ones
# are at least LATER_GAPS gaps.
FIRST_GAPS = 4
LATER_GAPS = 2
# Where refused calls count, too (HAProxy's http_req_rate), a limit that is not above FEW a minute
# stays exceeded by these probes alone. So after PROBES of them nothing is sent for a whole minute.
FEW = 12
PROBES = 10
SILENCE_MS = 65_000
# Limits are per second, ten seconds or minute: a wait ends when such a window ends.
WINDOWS_MS = (1_000, 10_000, 60_000)
WINDOW_MARGIN_MS = 100
# This many waits in a row that the provider named are used as they are; after that, the longer of
# its wait and ours: a server that is down may send "Retry-After: 0".
BELIEVED = 3
# A call counts as accepted if it was not refused within DELAYS times the duration of a refusal: its
# answer may take a minute.
LEAST_PATIENCE_MS = 250
DELAYS = 4
# More refusals in a row than throttling explains: with the waits above, about two minutes.
EXHAUSTED = 14


class Backoff(NamedTuple):
    """The present backoff, and what is known of the last one.

    Attributes:
        refusals: The number of consecutive refusals; 0 outside a backoff.
        began_at: When the backoff began.
        unsure_ms: How long before the next call it may have ended unnoticed: the last wait, if that
            was a guess.
        tried_at: When the call that probes the route was sent.
        over: Whether the last refusal belonged to a backoff that has ended.
        seen: Whether there has been a backoff before.
        few: Whether hardly more calls were accepted before it than are made in it.
    """

    refusals: int = 0
    began_at: int = 0
    unsure_ms: int = 0
    tried_at: int = 0
    over: bool = False
    seen: bool = False
    few: bool = False

    @property
    def is_exhausted(self) -> bool:
        """Whether there were more refusals than throttling explains."""
        return self.refusals >= (PROBES + 1 if self.few else EXHAUSTED)

    @property
    def was_silent(self) -> bool:
        """Whether a window that its own probes kept exceeded explains how long it lasted."""
        return self.few and self.refusals >= PROBES


def begun(backoff: Backoff, accepted: int, now: int) -> Backoff:
    """Returns a backoff with its first refusal, after so many accepted calls."""
    return backoff._replace(refusals=1, began_at=now, over=True, few=accepted <= FEW)


def ended(backoff: Backoff) -> Backoff:
    """Returns the state after an accepted call, which ends the backoff."""
    return backoff._replace(refusals=0, over=True, seen=True)


def wait(
    backoff: Backoff, named_ms: int | None, gap_ms: float | None, cycle_at: int, now: int
) -> tuple[Backoff, int]:
    """Returns the backoff after a refusal, and the moment until which no call starts.

    Args:
        backoff: The backoff, with this refusal counted.
        named_ms: The wait that the provider named, in ms; None if it named none.
        gap_ms: The time between two starts, in ms; None where the rate is unknown.
        cycle_at: When the previous backoff ended, where a window of the provider may have begun.
        now: The present moment.
    """
    if named_ms is not None and backoff.refusals <= BELIEVED:
        return backoff._replace(unsure_ms=WAITS_MS[0]), now + named_ms
    own = _own_wait(backoff.refusals - 1, gap_ms)
    if backoff.few and backoff.refusals == PROBES:
        own = SILENCE_MS
    until = now + max(named_ms or 0, own)
    for window in WINDOWS_MS:
        end = cycle_at + window + WINDOW_MARGIN_MS
        if named_ms is None and now + WINDOW_MARGIN_MS < end < until:
            return backoff._replace(unsure_ms=0), end
    return backoff._replace(unsure_ms=until - now), until


def let_in_at(backoff: Backoff, refusal_ms: int) -> int:
    """Returns when the probing call counts as accepted, if a refusal takes `refusal_ms`."""
    return backoff.tried_at + max(LEAST_PATIENCE_MS, DELAYS * refusal_ms)


def _own_wait(tried: int, gap_ms: float | None) -> int:
    usual = WAITS_MS[min(tried, len(WAITS_MS) - 1)]
    if gap_ms is None:
        return usual
    if tried == 0:
        return math.ceil(min(usual, FIRST_GAPS * gap_ms))
    return math.ceil(max(usual, min(LATER_GAPS * gap_ms, WAITS_MS[-1])))
