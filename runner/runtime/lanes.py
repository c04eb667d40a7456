"""What this runner has under way in each lane, and how wide the lane has proved to be.

It is memory only: after a restart a lane starts narrow again, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.core import concurrency
from runner.core.concurrency import Concurrency
from runner.core.quota import Window
from runner.core.schedule import Lane
from runner.core.verdict import Kind


@dataclass(slots=True)
class LaneState:
    """One lane's calls in flight and learned concurrency."""

    concurrency: Concurrency
    in_flight: int = 0
    narrowed_at: int = 0

    def view(self, windows: Sequence[Window]) -> Lane:
        """The lane as the core sees it."""
        return Lane(tuple(windows), self.concurrency, self.in_flight)

    def started(self) -> None:
        """A call has begun."""
        self.in_flight += 1

    def ended(self) -> None:
        """A call is over, however it ended."""
        self.in_flight -= 1

    def learn(self, kind: Kind, started_at: int, now: int) -> None:
        """Widen on an answer; narrow once for each burst of throttling."""
        if kind is Kind.DONE:
            self.concurrency = concurrency.answered(self.concurrency)
        elif kind is Kind.THROTTLED and started_at >= self.narrowed_at:
            self.concurrency = concurrency.throttled(self.concurrency)
            self.narrowed_at = now
