"""Implements rate limits in integer arithmetic: sliding window, token bucket and leaky bucket."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW_MS = 60_000


class Headroom(NamedTuple):
    """The state of a limit that recovers continuously.

    Attributes:
        limit: The amount that is available when nothing is used.
        remaining: The amount that remains, never below 0.
        full_in_ms: The time until the limit has recovered fully, in ms, without further use.
        wait_ms: The time until the requested amount fits, in ms; 0 if it fits now.
    """

    limit: int
    remaining: int
    full_in_ms: int
    wait_ms: int


@dataclass(slots=True)
class _Usage:
    """An account's usage: ``(time in ms, amount)`` entries, oldest first, and their sum."""

    entries: deque[tuple[int, int]] = field(default_factory=deque)
    used: int = 0


class SlidingWindow:
    """Sliding windows of 60 s by account."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._usage: defaultdict[str, _Usage] = defaultdict(_Usage)

    def headroom(self, account: str, now_ms: int, asked: int) -> Headroom:
        """Returns the headroom of `account` at `now_ms`, with the wait for the amount `asked`."""
        usage = self._drop_expired(account, now_ms)
        full_in_ms = usage.entries[-1][0] + WINDOW_MS - now_ms if usage.entries else 0
        wait_ms = self._wait_ms(usage, now_ms, asked)
        return Headroom(self._limit, max(0, self._limit - usage.used), full_in_ms, wait_ms)

    def add(self, account: str, now_ms: int, amount: int) -> None:
        """Counts `amount`, also beyond the limit."""
        usage = self._drop_expired(account, now_ms)
        usage.entries.append((now_ms, amount))
        usage.used += amount

    def _drop_expired(self, account: str, now_ms: int) -> _Usage:
        usage = self._usage[account]
        while usage.entries and usage.entries[0][0] + WINDOW_MS <= now_ms:
            usage.used -= usage.entries.popleft()[1]
        return usage

    def _wait_ms(self, usage: _Usage, now_ms: int, asked: int) -> int:
        excess = usage.used + asked - self._limit
        if excess <= 0:
            return 0
        for moment, amount in usage.entries:
            excess -= amount
            if excess <= 0:
                return moment + WINDOW_MS - now_ms
        return WINDOW_MS  # the amount never fits


class TokenBucket:
    """Token buckets by account, full at first and refilled at a constant rate.

    A bucket is stored as a time and the amount that is missing then, in units of calls times ms: a
    call takes `period_ms` units, and every millisecond restores `limit` units.
    """

    def __init__(self, limit: int, period_ms: int) -> None:
        self._limit = limit
        self._period_ms = period_ms
        self._missing: dict[str, tuple[int, int]] = {}

    def headroom(self, account: str, now_ms: int) -> Headroom:
        """Returns the headroom of `account` at `now_ms`, with the wait for one more call."""
        missing = self._missing_at(account, now_ms)
        full = self._limit * self._period_ms
        return Headroom(
            limit=self._limit,
            remaining=max(0, full - missing) // self._period_ms,
            full_in_ms=_ceil(missing, self._limit),
            wait_ms=max(0, _ceil(missing + self._period_ms - full, self._limit)),
        )

    def spend(self, account: str, now_ms: int) -> None:
        """Takes one call from the bucket of `account`, also if it is empty."""
        self._missing[account] = (now_ms, self._missing_at(account, now_ms) + self._period_ms)

    def _missing_at(self, account: str, now_ms: int) -> int:
        at_ms, missing = self._missing.get(account, (now_ms, 0))
        return max(0, missing - self._limit * max(0, now_ms - at_ms))


class LeakyBucket:
    """Implements the algorithm of nginx's ``limit_req`` for one key.

    The excess grows by one with each accepted request, and shrinks at the rate. A request that
    would raise it above the burst is refused and changes nothing. One request is 60,000 units, so
    that `per_minute` units leak every millisecond.
    """

    def __init__(self, per_minute: int, burst: int) -> None:
        self._per_minute = per_minute
        self._burst = burst * WINDOW_MS
        self._excess = -WINDOW_MS  # the first request has no excess
        self._at_ms = 0

    def admit(self, now_ms: int) -> int | None:
        """Counts one request; returns its delay at the exact rate, in ms, or None if refused."""
        leaked = self._per_minute * max(0, now_ms - self._at_ms)
        excess = max(0, self._excess - leaked + WINDOW_MS)
        if excess > self._burst:
            return None
        self._excess, self._at_ms = excess, max(now_ms, self._at_ms)
        return _ceil(excess, self._per_minute)


def _ceil(amount: int, rate: int) -> int:
    return -(-amount // rate)
