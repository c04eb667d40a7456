"""How many calls of an account may start a second: a token bucket that holds one second's worth.

It bounds bursts only; what a provider allows over minutes and days is a quota.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class StartRate:
    """A bucket of starts.

    Attributes:
        per_second: Starts a second, which is also the most that may start at once.
        tokens: Starts that were left at `at`.
        at: The moment of the last change (ms since the epoch).
    """

    per_second: int
    tokens: float
    at: int = 0

    def left(self, now: int) -> float:
        """How many starts are left at `now`; a clock that was set back adds none."""
        gained = max(0, now - self.at) * self.per_second / SECOND_MS
        return min(float(self.per_second), self.tokens + gained)

    def next_at(self, now: int) -> int:
        """The moment at which one start is left."""
        missing = max(0.0, 1 - self.left(now))
        return now + -(-int(missing * SECOND_MS * 1_000) // (self.per_second * 1_000))

    def after(self, count: int, now: int) -> StartRate:
        """The bucket once `count` calls have started at `now`."""
        return StartRate(self.per_second, self.left(now) - count, now)


def full(per_second: int) -> StartRate:
    """A bucket from which nothing was taken."""
    return StartRate(per_second, float(per_second))
