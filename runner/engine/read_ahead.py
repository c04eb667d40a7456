"""Ready jobs at hand, packed into calls before they are wanted.

They are read in the order of the input, many at a time, inside the engine's own transactions. They
are true as long as nobody else writes: then they are thrown away, and read anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import packing
from runner.core.packing import Packing
from runner.store import jobs
from runner.store.batches import Batch
from runner.store.jobs import ReadyJob

# How many calls' jobs are read at once: reading them costs more than having them.
CALLS_AHEAD = 256

Pack = tuple[ReadyJob, ...]


@dataclass(slots=True)
class _Shelf:
    """The packs of one batch; `partial`: the last one might take more jobs."""

    packs: list[Pack] = field(default_factory=list)
    jobs: int = 0
    partial: bool = False

    def offered(self, *, in_flight: bool) -> int:
        """How many may start. A partial one waits for what comes back from the calls in flight."""
        return len(self.packs) - (self.partial and in_flight)


class ReadAhead:
    """The packs at hand, by batch."""

    def __init__(self) -> None:
        self._shelves: dict[int, _Shelf] = {}

    def clear(self) -> None:
        """Throw everything away: somebody else has written."""
        self._shelves.clear()

    def offered(self, batch: Batch) -> int:
        """How many calls of `batch` may start, of those at hand."""
        shelf = self._shelves.get(batch.id)
        return shelf.offered(in_flight=batch.counts.running > 0) if shelf else 0

    async def refill(self, connection: AsyncConnection, batch: Batch, wanted: int) -> bool:
        """Have at least `wanted` calls of `batch` at hand, if it has so many; whether it read."""
        shelf = self._shelves.setdefault(batch.id, _Shelf())
        if self.offered(batch) >= wanted or batch.counts.ready <= shelf.jobs:
            return False
        number = max(CALLS_AHEAD, wanted) * batch.packing.most
        found = await jobs.read_ready(connection, batch, number)
        self._shelves[batch.id] = _shelf(found, batch.packing, all_of_them=len(found) < number)
        return True

    def jobs_at_hand(self, batch: Batch, calls: int | None = None) -> list[int]:
        """The jobs of the next `calls` of `batch` that are at hand; None: of all of them."""
        shelf = self._shelves.get(batch.id)
        return [job.job_id for pack in shelf.packs[:calls] for job in pack] if shelf else []

    def take(self, batch: Batch, number: int) -> list[Pack]:
        """The next `number` packs of `batch`, which are offered."""
        shelf = self._shelves[batch.id]
        taken, shelf.packs = shelf.packs[:number], shelf.packs[number:]
        shelf.jobs -= sum(map(len, taken))
        shelf.partial = shelf.partial and bool(shelf.packs)
        return taken

    def without(self, batch: Batch, job_ids: set[int]) -> None:
        """Throw the packs of `batch` away if any of these jobs, which have ended, is in them."""
        if job_ids:
            self._shelves.pop(batch.id, None)


def _shelf(found: list[ReadyJob], packing_: Packing, *, all_of_them: bool) -> _Shelf:
    by_id = {job.job_id: job for job in found}
    filled = packing.fill((job.candidate for job in found), packing_)
    partial = bool(filled) and not packing.is_full(filled[-1], packing_)
    if partial and not all_of_them:
        filled.pop()  # the jobs that fill it were not read
        partial = False
    packs = [tuple(by_id[one.job_id] for one in pack) for pack in filled]
    return _Shelf(packs, sum(map(len, packs)), partial)
