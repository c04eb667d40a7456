"""A bucket of calls for each account, into which calls drip at an even rate.

It knows one limit and the time an empty bucket takes to fill; it owns no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.providers.simulator.window import Room


@dataclass(frozen=True, slots=True)
class _Gap:
    """What was missing from a full bucket at a moment, in calls times the period (in ms)."""

    size: int
    at_ms: int


class RefillBucket:
    """Buckets by account, full at first. All arithmetic is in whole numbers.

    In the units of `_Gap`, a call costs the period, and every millisecond gives the limit back.
    """

    def __init__(self, limit: int, period_ms: int) -> None:
        self._limit = limit
        self._period_ms = period_ms
        self._gaps: dict[str, _Gap] = {}

    def room(self, account: str, now_ms: int) -> Room:
        """Return what is left to `account` at `now_ms`, and when one more call will fit in."""
        gap = self._gap(account, now_ms)
        full = self._limit * self._period_ms
        over = gap + self._period_ms - full
        return Room(
            limit=self._limit,
            left=max(0, full - gap) // self._period_ms,
            whole_ms=_ceil(gap, self._limit),
            wait_ms=max(0, _ceil(over, self._limit)),
        )

    def spend(self, account: str, now_ms: int) -> None:
        """Take one call of `account` out, whether or not there was one."""
        self._gaps[account] = _Gap(self._gap(account, now_ms) + self._period_ms, now_ms)

    def _gap(self, account: str, now_ms: int) -> int:
        last = self._gaps.get(account, _Gap(0, now_ms))
        return max(0, last.size - self._limit * max(0, now_ms - last.at_ms))


def _ceil(size: int, rate: int) -> int:
    return -(-size // rate)
