"""How far a provider's clock is from ours, as the Date of a reply tells."""

from __future__ import annotations

from runner.core.charging import CLOCK_TOLERANCE_MS


def skew_of(date: int | None, sent_at: int, ended_at: int, known: int) -> int | None:
    """By how much the provider's clock is ahead, in ms; None: the reply tells nothing new.

    Args:
        date: The Date of the reply (ms since the epoch), if it had one.
        sent_at: When the call was sent, by our clock corrected by `known`.
        ended_at: When its reply came, likewise.
        known: The skew that is known so far.
    """
    # A reply that took long, perhaps over a laptop's sleep, tells nothing about clocks.
    if date is None or not 0 <= ended_at - sent_at < CLOCK_TOLERANCE_MS:
        return None
    skew = date - (ended_at - known)
    return skew if abs(skew) > CLOCK_TOLERANCE_MS else 0
