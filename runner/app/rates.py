"""Measures the recent rate of finished rows from the counts of batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from runner.store.batches import Batch

OVER_MS = 5 * 60_000
LEAST_MS = 10_000
"""The shortest span, in ms, from which a rate is computed."""


@dataclass(slots=True)
class Rates:
    """Samples of the rows and calls of some batches.

    Finished batches leave a run, and others join it later. So the first and the last counts of each
    batch are kept, and only their difference counts.
    """

    first: dict[int, tuple[int, int]] = field(default_factory=dict)
    last: dict[int, tuple[int, int]] = field(default_factory=dict)
    samples: deque[tuple[int, int, int]] = field(default_factory=deque)

    def add(self, at: int, batches: Collection[Batch]) -> None:
        """Adds a sample at a time (ms since the epoch)."""
        for batch in batches:
            # Reused answers were not computed in this run, so they do not count.
            counts = batch.counts
            latest = counts.succeeded + counts.failed - batch.reused, batch.calls_made
            self.first.setdefault(batch.id, latest)
            self.last[batch.id] = latest
        rows, calls = (
            sum(self.last[id_][each] - first[each] for id_, first in self.first.items())
            for each in range(2)
        )
        if self.samples and at - self.samples[-1][0] < 1_000:  # noqa: PLR2004 - a second
            return
        self.samples.append((at, rows, calls))
        while len(self.samples) > 2 and at - self.samples[1][0] > OVER_MS:  # noqa: PLR2004
            self.samples.popleft()

    @property
    def rows_a_minute(self) -> float | None:
        """The recent rate of finished rows per minute; None if the samples are too few."""
        if len(self.samples) < 2:  # noqa: PLR2004
            return None
        (began, first, _), (ended, last, _) = self.samples[0], self.samples[-1]
        if ended - began < LEAST_MS or last < first:
            return None
        return (last - first) * 60_000 / (ended - began)

    @property
    def rows_a_call(self) -> float | None:
        """The recent average of finished rows per call; None if no call was made."""
        if len(self.samples) < 2:  # noqa: PLR2004
            return None
        (_, first, earlier), (_, last, later) = self.samples[0], self.samples[-1]
        return (last - first) / (later - earlier) if later > earlier and last > first else None
