"""How many calls of an account may start a second: a token bucket that holds one second's worth.

It bounds bursts only; what a provider allows over minutes and days is a quota. Amounts are whole
thousandths of a start, so that no wait is ever rounded to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 1_000  # the amount of one start


@dataclass(frozen=True, slots=True)
class StartBucket:
    """A bucket of starts.

    Attributes:
        per_second: Starts a second, which is also the most that may start at once.
        amount: What was left at `at`, in thousandths of a start.
        at: The moment of the last change, by a clock that never goes back (ms).
    """

    per_second: int
    amount: int
    at: int = 0

    def left(self, now: int) -> int:
        """How many calls may start at `now`."""
        return self._amount(now) // START

    def next_at(self, now: int) -> int:
        """The moment at which a call may start."""
        missing = max(0, START - self._amount(now))
        return now + -(-missing // self.per_second)

    def after(self, count: int, now: int) -> StartBucket:
        """The bucket once `count` calls have started at `now`."""
        return StartBucket(self.per_second, self._amount(now) - count * START, now)

    def _amount(self, now: int) -> int:
        """What is left at `now`."""
        gained = (now - self.at) * self.per_second  # thousandths a millisecond
        return min(self.per_second * START, self.amount + gained)


def full(per_second: int) -> StartBucket:
    """A bucket from which nothing was taken."""
    return StartBucket(per_second, per_second * START)
