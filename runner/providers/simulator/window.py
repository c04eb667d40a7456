"""What each account was let in with during the last minute.

It knows one sliding window; it does not know whether calls or tokens are counted in it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of a limit that comes back bit by bit.

    Attributes:
        limit: What there is when nothing is used.
        left: What is left of it, never below 0.
        whole_ms: Milliseconds until nothing is used, if nothing is added.
        wait_ms: Milliseconds until there is room for what is asked for; 0 if there is.
    """

    limit: int
    left: int
    whole_ms: int
    wait_ms: int


@dataclass(slots=True)
class _Past:
    """What an account added, as moments and amounts, oldest first; and the sum of the amounts."""

    entries: deque[tuple[int, int]] = field(default_factory=deque)
    used: int = 0


class SlidingWindow:
    """Amounts by account; each counts from its moment on for 60 s, and then no more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pasts: defaultdict[str, _Past] = defaultdict(_Past)

    def room(self, account: str, now_ms: int, asked: int) -> Room:
        """Return what is left to `account` at `now_ms`, and when `asked` will fit in."""
        past = self._forget(account, now_ms)
        whole_ms = past.entries[-1][0] + WINDOW_MS - now_ms if past.entries else 0
        wait_ms = self._wait_ms(past, now_ms, asked)
        return Room(self._limit, max(0, self._limit - past.used), whole_ms, wait_ms)

    def add(self, account: str, now_ms: int, amount: int) -> None:
        """Count `amount`, whether or not there was room for it."""
        past = self._forget(account, now_ms)
        past.entries.append((now_ms, amount))
        past.used += amount

    def _forget(self, account: str, now_ms: int) -> _Past:
        past = self._pasts[account]
        while past.entries and past.entries[0][0] + WINDOW_MS <= now_ms:
            past.used -= past.entries.popleft()[1]
        return past

    def _wait_ms(self, past: _Past, now_ms: int, asked: int) -> int:
        over = past.used + asked - self._limit
        if over <= 0:
            return 0
        for moment, amount in past.entries:
            over -= amount
            if over <= 0:
                return moment + WINDOW_MS - now_ms
        return WINDOW_MS  # it never fits
