"""Rate limits: a sliding window, a token bucket and a leaky bucket, in integer arithmetic."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW_MS = 60_000


class Headroom(NamedTuple):
    """What is left of a limit that is restored continuously.

    Attributes:
        limit: Amount available when nothing is used.
        remaining: Amount left, never below 0.
        full_in_ms: Milliseconds until nothing is used, if nothing is added.
        wait_ms: Milliseconds until the amount asked for fits; 0 if it fits now.
    """

    limit: int
    remaining: int
    full_in_ms: int
    wait_ms: int


@dataclass(slots=True)
class _Usage:
    """Amounts that an account used with their moments, oldest first, and their sum."""

    entries: deque[tuple[int, int]] = field(default_factory=deque)
    used: int = 0


class SlidingWindow:
    """Amounts by account. Each amount counts for 60 s from its moment."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._usage: defaultdict[str, _Usage] = defaultdict(_Usage)

    def headroom(self, account: str, now_ms: int, asked: int) -> Headroom:
        """Return what is left to `account` at `now_ms`, and when `asked` will fit."""
        usage = self._drop_expired(account, now_ms)
        full_in_ms = usage.entries[-1][0] + WINDOW_MS - now_ms if usage.entries else 0
        wait_ms = self._wait_ms(usage, now_ms, asked)
        return Headroom(self._limit, max(0, self._limit - usage.used), full_in_ms, wait_ms)

    def add(self, account: str, now_ms: int, amount: int) -> None:
        """Count `amount`, whether or not there was room for it."""
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
        return WINDOW_MS  # it never fits


class TokenBucket:
    """Buckets of calls by account, full at first and refilled at an even rate.

    A bucket is stored as its moment and what it lacks to be full, in calls times the period: a call
    takes `period_ms` of these units out, and every millisecond puts `limit` of them back.
    """

    def __init__(self, limit: int, period_ms: int) -> None:
        self._limit = limit
        self._period_ms = period_ms
        self._missing: dict[str, tuple[int, int]] = {}

    def headroom(self, account: str, now_ms: int) -> Headroom:
        """Return what is left to `account` at `now_ms`, and when one more call will fit."""
        missing = self._missing_at(account, now_ms)
        full = self._limit * self._period_ms
        return Headroom(
            limit=self._limit,
            remaining=max(0, full - missing) // self._period_ms,
            full_in_ms=_ceil(missing, self._limit),
            wait_ms=max(0, _ceil(missing + self._period_ms - full, self._limit)),
        )

    def spend(self, account: str, now_ms: int) -> None:
        """Take one call of `account` out, whether or not there was one."""
        self._missing[account] = (now_ms, self._missing_at(account, now_ms) + self._period_ms)

    def _missing_at(self, account: str, now_ms: int) -> int:
        at_ms, missing = self._missing.get(account, (now_ms, 0))
        return max(0, missing - self._limit * max(0, now_ms - at_ms))


class LeakyBucket:
    """The algorithm of nginx's ``limit_req`` for one key.

    The excess grows by one request with each that is accepted, and shrinks at the rate. A request
    that would make it larger than the burst is refused and changes nothing. The unit is a
    request times 60,000 ms, so that every millisecond takes `per_minute` units away.
    """

    def __init__(self, per_minute: int, burst: int) -> None:
        self._per_minute = per_minute
        self._burst = burst * WINDOW_MS
        self._excess = -WINDOW_MS  # the first request has no excess
        self._at_ms = 0

    def admit(self, now_ms: int) -> int | None:
        """Count one request and return the ms by which it exceeds the rate; None: refused."""
        leaked = self._per_minute * max(0, now_ms - self._at_ms)
        excess = max(0, self._excess - leaked + WINDOW_MS)
        if excess > self._burst:
            return None
        self._excess, self._at_ms = excess, max(now_ms, self._at_ms)
        return _ceil(excess, self._per_minute)


def _ceil(amount: int, rate: int) -> int:
    return -(-amount // rate)
