"""The limit on an account's starts per second: a token bucket of one second's worth.

It limits bursts only; what a provider allows over minutes and days is a quota. Amounts are whole
thousandths of a start, so that no wait is rounded to 0.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 1_000  # the amount of one start


@dataclass(frozen=True, slots=True)
class StartBucket:
    """A token bucket of starts.

    Attributes:
        per_second: The rate in starts per second, which is also the capacity.
        amount: The content at `at`, in thousandths of a start.
        at: The moment of the last change, by a monotonic clock (ms).
    """

    per_second: int
    amount: int
    at: int = 0

    def left(self, now: int) -> int:
        """Returns how many calls may start at `now`."""
        return self._amount(now) // START

    def next_at(self, now: int) -> int:
        """Returns the earliest moment at which a call may start."""
        missing = max(0, START - self._amount(now))
        return now + -(-missing // self.per_second)

    def after(self, count: int, now: int) -> StartBucket:
        """Returns the bucket after `count` calls have started at `now`."""
        return StartBucket(self.per_second, self._amount(now) - count * START, now)

    def _amount(self, now: int) -> int:
        """Returns the content at `now`, in thousandths of a start."""
        gained = (now - self.at) * self.per_second  # ms * starts per second = thousandths
        return min(self.per_second * START, self.amount + gained)


def full(per_second: int) -> StartBucket:
    """Returns a full bucket."""
    return StartBucket(per_second, per_second * START)
