"""A cache of ready jobs, read ahead and packed into calls.

They are read in the order of the input, many at a time, inside the engine's own transactions. The
cache is valid until another process writes; then it is cleared.

No job in it has an answer in another batch that it may reuse: such jobs are ended when they are
read, and later when the answer is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import packing
from runner.core.packing import Packing
from runner.core.retry import Succeed
from runner.core.settlement import Settlement
from runner.store import jobs, reuse
from runner.store.batches import Batch
from runner.store.counts import Changes
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

    def remove(self, ended: Collection[int]) -> None:
        """Discards the packs with jobs that have ended; their other jobs are read again."""
        left = [pack for pack in self.packs if not any(job.job_id in ended for job in pack)]
        if len(left) < len(self.packs):
            self.partial = self.partial and bool(left) and left[-1] is self.packs[-1]
            self.packs, self.jobs = left, sum(map(len, left))


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

    def lacks(self, batch: Batch, calls: int) -> bool:
        """Whether `batch` has ready jobs that are not cached, and fewer cached calls than `calls`.

        Then it may have more calls than are `offered`.
        """
        shelf = self._shelves.get(batch.id)
        known = shelf.jobs if shelf else 0
        return batch.counts.ready > known and self.offered(batch) < calls

    async def refill(
        self,
        connection: AsyncConnection,
        whose: Sequence[Batch],
        calls: int,
        now: int,
        changes: Changes,
    ) -> None:
        """Caches at least `calls` calls of each batch, if it has as many.

        Args:
            connection: A connection inside the transaction of the turn.
            whose: The batches as they were before the turn.
            calls: The number of calls.
            now: The present moment (ms since the epoch).
            changes: The changes of counts in this turn, with those for the jobs that are ended
                because other batches have their answers.
        """
        number, lacking = max(CALLS_AHEAD, calls), list(whose)
        while lacking:
            ready = await jobs.read_ready(connection, lacking, number)
            reusing = [batch.id for batch in lacking if batch.reuse_answers]
            asking = [job.job_id for batch_id in reusing for job in ready[batch_id]]
            ended = await reuse.reuse_answers(connection, asking, now, changes)
            for batch in lacking:
                found = ready[batch.id]
                all_of_them = len(found) < number * batch.packing.most
                left = [job for job in found if job.job_id not in ended]
                self._shelves[batch.id] = _shelf(left, batch.packing, all_of_them=all_of_them)
            lacking = [
                batch
                for batch in lacking
                if any(job.job_id in ended for job in ready[batch.id])
                and self.lacks(changes.applied_to(batch), calls)
            ]

    async def share_answers(
        self,
        connection: AsyncConnection,
        known: Mapping[int, Batch],
        settlements: Sequence[Settlement],
        now: int,
        changes: Changes,
    ) -> None:
        """Ends the cached jobs that ask what `settlements` have answered for another batch."""
        answered = {
            outcome.job.job_id: settlement.call.batch_id
            for settlement in settlements
            for outcome in settlement.jobs
            if isinstance(outcome.action, Succeed)
        }
        reusing = [
            batch_id
            for batch_id, shelf in self._shelves.items()
            if shelf.packs and batch_id in known and known[batch_id].reuse_answers
        ]
        if not answered or not reusing or len({*answered.values(), *reusing}) == 1:
            return
        ended = await reuse.share_answers(connection, list(answered), reusing, now, changes)
        if ended:
            for batch_id in reusing:
                self._shelves[batch_id].remove(ended)

    def take(self, batch: Batch, number: int) -> list[Pack]:
        """Removes and returns the next `number` packs of `batch`, which must be `offered`."""
        shelf = self._shelves[batch.id]
        taken, shelf.packs = shelf.packs[:number], shelf.packs[number:]
        shelf.jobs -= sum(map(len, taken))
        shelf.partial = shelf.partial and bool(shelf.packs)
        return taken


def _shelf(ready: list[ReadyJob], packing_: Packing, *, all_of_them: bool) -> _Shelf:
    by_id = {job.job_id: job for job in ready}
    filled = packing.fill((job.candidate for job in ready), packing_)
    partial = bool(filled) and not packing.is_full(filled[-1], packing_)
    if partial and not all_of_them:
        filled.pop()  # the jobs that would fill it were not read
        partial = False
    packs = [tuple(by_id[candidate.job_id] for candidate in pack) for pack in filled]
    return _Shelf(packs, sum(map(len, packs)), partial)
