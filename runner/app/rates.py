"""How fast rows come in: over the last minutes, from the counts of batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from runner.store.batches import Batch

OVER_MS = 5 * 60_000
LEAST_MS = 10_000
"""Less than this says nothing."""


@dataclass(slots=True)
class Rates:
    """The rows and calls of some batches over time.

    Batches that are done leave a run, so what each has come to is remembered.
    """

    known: dict[int, tuple[int, int]] = field(default_factory=dict)
    samples: deque[tuple[int, int, int]] = field(default_factory=deque)

    def add(self, at: int, batches: Collection[Batch]) -> None:
        """Note how things stand at a moment (ms since the epoch)."""
        for batch in batches:
            # A batch that appears has had its rows before.
            counts = batch.counts
            self.known[batch.id] = counts.succeeded + counts.failed - batch.reused, batch.calls_made
        rows = sum(rows for rows, _ in self.known.values())
        calls = sum(calls for _, calls in self.known.values())
        if self.samples and at - self.samples[-1][0] < 1_000:  # noqa: PLR2004 - a second
            return
        self.samples.append((at, rows, calls))
        while len(self.samples) > 2 and at - self.samples[1][0] > OVER_MS:  # noqa: PLR2004
            self.samples.popleft()

    @property
    def rows_a_minute(self) -> float | None:
        """Rows that were done in a minute, lately; None: it is too early to tell."""
        if len(self.samples) < 2:  # noqa: PLR2004
            return None
        (began, first, _), (ended, last, _) = self.samples[0], self.samples[-1]
        if ended - began < LEAST_MS or last < first:
            return None
        return (last - first) * 60_000 / (ended - began)

    @property
    def rows_a_call(self) -> float | None:
        """Rows that a call has brought to an end, lately; None: no call was made."""
        if len(self.samples) < 2:  # noqa: PLR2004
            return None
        (_, first, earlier), (_, last, later) = self.samples[0], self.samples[-1]
        return (last - first) / (later - earlier) if later > earlier and last > first else None
