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
    batch are kept, and only their difference counts. The calls of a part are not counted again for
    the whole batch, whose count includes them.
    """

    first: dict[int, tuple[int, int]] = field(default_factory=dict)
    last: dict[int, tuple[int, int]] = field(default_factory=dict)
    part_of: dict[int, int] = field(default_factory=dict)
    samples: deque[tuple[int, int, int]] = field(default_factory=deque)

    def add(self, at: int, batches: Collection[Batch]) -> None:
        """Adds a sample at a time (ms since the epoch)."""
        for batch in sorted(batches, key=lambda batch: batch.part_of is None):  # parts first
            if batch.part_of is not None:
                self.part_of[batch.id] = batch.part_of
            # Reused answers were not computed in this run, so they do not count.
            rows = batch.counts.succeeded + batch.counts.failed - batch.reused
            latest = rows, batch.calls_made - self._calls_of_parts(batch.id)
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

    def _calls_of_parts(self, batch_id: int) -> int:
        """Returns the calls that the parts of a batch have made since they were first seen."""
        parts = (part for part, whole in self.part_of.items() if whole == batch_id)
        return sum(self.last[part][1] - self.first[part][1] for part in parts)

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
