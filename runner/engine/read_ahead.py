"""A cache of ready jobs, read ahead and packed into calls.

They are read in the order of the input, many at a time, inside the engine's own transactions. The
cache is valid until another process writes; then it is cleared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import packing
from runner.core.packing import Packing
from runner.store import jobs
from runner.store.batches import Batch
from runner.store.jobs import ReadyJob

# The number of calls whose jobs are read at once: reading costs more than memory.
CALLS_AHEAD = 256

Pack = tuple[ReadyJob, ...]


@dataclass(slots=True)
class _Shelf:
    """The packs of one batch; `partial` if the last one might take more jobs."""

    packs: list[Pack] = field(default_factory=list)
    jobs: int = 0
    partial: bool = False

    def offered(self, *, in_flight: bool) -> int:
        """Returns how many may start; a partial one waits for jobs released by calls in flight."""
        return len(self.packs) - (self.partial and in_flight)


class ReadAhead:
    """The cached packs, by batch."""

    def __init__(self) -> None:
        self._shelves: dict[int, _Shelf] = {}

    def clear(self) -> None:
        """Discards everything, after another process has written."""
        self._shelves.clear()

    def offered(self, batch: Batch) -> int:
        """Returns how many of the cached calls of `batch` may start."""
        shelf = self._shelves.get(batch.id)
        return shelf.offered(in_flight=batch.counts.running > 0) if shelf else 0

    async def refill(self, connection: AsyncConnection, batch: Batch, wanted: int) -> bool:
        """Caches at least `wanted` calls of `batch`, if it has as many; whether it had to read."""
        shelf = self._shelves.setdefault(batch.id, _Shelf())
        if self.offered(batch) >= wanted or batch.counts.ready <= shelf.jobs:
            return False
        number = max(CALLS_AHEAD, wanted) * batch.packing.most
        ready = await jobs.read_ready(connection, batch, number)
        self._shelves[batch.id] = _shelf(ready, batch.packing, all_of_them=len(ready) < number)
        return True

    def jobs_at_hand(self, batch: Batch, calls: int | None = None) -> list[int]:
        """Returns the ids of the jobs of the next cached `calls` of `batch`; None for all calls."""
        shelf = self._shelves.get(batch.id)
        return [job.job_id for pack in shelf.packs[:calls] for job in pack] if shelf else []

    def take(self, batch: Batch, number: int) -> list[Pack]:
        """Removes and returns the next `number` packs of `batch`, which must be `offered`."""
        shelf = self._shelves[batch.id]
        taken, shelf.packs = shelf.packs[:number], shelf.packs[number:]
        shelf.jobs -= sum(map(len, taken))
        shelf.partial = shelf.partial and bool(shelf.packs)
        return taken

    def without(self, batch: Batch, job_ids: set[int]) -> None:
        """Discards the packs of `batch` if any of its jobs has ended."""
        if job_ids:
            self._shelves.pop(batch.id, None)


def _shelf(ready: list[ReadyJob], packing_: Packing, *, all_of_them: bool) -> _Shelf:
    by_id = {job.job_id: job for job in ready}
    filled = packing.fill((job.candidate for job in ready), packing_)
    partial = bool(filled) and not packing.is_full(filled[-1], packing_)
    if partial and not all_of_them:
        filled.pop()  # the jobs that would fill it were not read
        partial = False
    packs = [tuple(by_id[candidate.job_id] for candidate in pack) for pack in filled]
    return _Shelf(packs, sum(map(len, packs)), partial)
