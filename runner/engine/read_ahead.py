"""A cache of ready jobs, read ahead and packed into calls.

They are read in the order of the input, many at a time, inside the engine's own transactions. A
turn takes jobs out of it before its transaction is committed. So it is cleared when a transaction
has failed, as well as when another process has written or a late answer may have ended a job.

No job in it has an answer in another batch that it may reuse: such jobs are ended when they are
read, and later when the answer is recorded. A job whose request is in flight for another batch is
held back until that call ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import Accept, Succeed
from runner.core.settlement import Settlement
from runner.core.single_flight import SingleFlight
from runner.engine.pack_cache import Pack, PackCache, requests_of
from runner.store import jobs, reuse
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.jobs import ReadyJob

# The number of calls whose jobs are read at once: reading costs more than memory.
CALLS_AHEAD = 256


class ReadAhead:
    """The cached packs, by batch, and the requests in flight that hold some of them back."""

    def __init__(self) -> None:
        self._caches: dict[int, PackCache] = {}
        self._flight = SingleFlight()

    def clear(self) -> None:
        """Discards everything, after another process has written."""
        self._caches.clear()
        self._flight = SingleFlight()

    def offered(self, batch: Batch) -> int:
        """Returns how many of the cached calls of `batch` may start.

        A partial one waits for jobs released by calls in flight.
        """
        if (cache := self._caches.get(batch.id)) is None:
            return 0
        free = self._free(cache)
        waits = cache.partial and batch.counts.running > 0 and free[-1:] == cache.packs[-1:]
        return len(free) - waits

    def lacks(self, batch: Batch, calls: int) -> bool:
        """Whether `batch` has ready jobs that are not cached, and fewer cached calls than `calls`.

        Then it may have more calls than are `offered`.
        """
        cache = self._caches.get(batch.id)
        known = cache.job_count if cache else 0
        return batch.counts.ready > known and self.offered(batch) < calls

    async def refill(
        self,
        connection: AsyncConnection,
        whose: Sequence[Batch],
        calls: int,
        accounts: Sequence[str],
        now: int,
        changes: Changes,
    ) -> None:
        """Caches at least `calls` calls of each batch, if it has as many.

        Args:
            connection: A connection inside the transaction of the turn.
            whose: The batches as they were before the turn.
            calls: The number of calls.
            accounts: The accounts of this process.
            now: The present moment (ms since the epoch).
            changes: The changes of counts in this turn, with those for the jobs that are ended
                because other batches have their answers.
        """
        # Below as many packs as are held back there may be others.
        number = max(CALLS_AHEAD, calls) + len(self._flight.jobs)
        lacking = list(whose)
        while lacking:
            ready = await jobs.read_ready(connection, lacking, number)
            asking = [job.job_id for found in ready.values() for job in found]
            reusing = {batch.id for batch in lacking if batch.reuse_answers}
            shared = await reuse.share_requests(connection, asking, reusing, accounts, now, changes)
            self._set_flight(self._flight.started(shared.in_flight))
            for batch in lacking:
                found = ready[batch.id]
                all_of_them = len(found) < number * batch.packing.most
                left = [job for job in found if job.job_id not in shared.ended]
                if shared.requests:
                    left = [_with_request(job, shared.requests) for job in left]
                self._caches[batch.id] = PackCache.of(left, batch, all_of_them=all_of_them)
            lacking = [
                batch
                for batch in lacking
                if any(job.job_id in shared.ended for job in ready[batch.id])
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
        """Ends the cached jobs that ask what `settlements` have answered for another batch.

        Those that ask what they have not answered are held back no longer.
        """
        self._release(settlements)
        answered = {
            outcome.job.job_id: settlement.call.batch_id
            for settlement in settlements
            for outcome in settlement.jobs
            if isinstance(outcome.action, Succeed)
        }
        reusing = [
            batch_id
            for batch_id, cache in self._caches.items()
            if cache.packs and batch_id in known and known[batch_id].reuse_answers
        ]
        if not answered or not reusing or len({*answered.values(), *reusing}) == 1:
            return
        ended = await reuse.share_answers(connection, list(answered), reusing, now, changes)
        if ended:
            for batch_id in reusing:
                cache = self._caches[batch_id]
                # The other jobs of these packs are read again.
                cache.remove([p for p in cache.packs if any(job.job_id in ended for job in p)])

    def most_at_once(self, wanted: Mapping[int, int]) -> dict[int, int]:
        """Returns the batches of which fewer calls can be taken together, and how many.

        Calls that may start now may hold each other back. `wanted` is the number of calls by batch,
        in the order in which they will be taken.
        """
        if not any(self._caches[batch_id].requests for batch_id in wanted):
            return {}
        flight, fewer = self._flight, {}
        for batch_id, number in wanted.items():
            taken = self._caches[batch_id].startable(flight)[:number]
            flight = flight.started(requests_of(taken))
            if len(taken) < number:
                fewer[batch_id] = len(taken)
        return fewer

    def take(self, batch: Batch, number: int) -> list[Pack]:
        """Removes and returns the next `number` packs of `batch`, which must be `offered`."""
        cache = self._caches[batch.id]
        taken = self._free(cache)[:number]
        cache.remove(taken)
        if cache.requests:
            self._set_flight(self._flight.started(requests_of(taken)))
        return taken

    def _free(self, cache: PackCache) -> list[Pack]:
        """Returns the packs of a batch that are not held back."""
        if cache.free is None:
            cache.free = cache.startable(self._flight)
        return cache.free

    def _release(self, settlements: Sequence[Settlement]) -> None:
        """Notes that the jobs of `settlements` are not in flight, save those in a task."""
        if not self._flight.jobs:
            return
        outcomes = (outcome for settlement in settlements for outcome in settlement.jobs)
        ended = {o.job.job_id for o in outcomes if not isinstance(o.action, Accept)}
        self._set_flight(self._flight.ended(ended))

    def _set_flight(self, flight: SingleFlight) -> None:
        if flight.jobs != self._flight.jobs:
            for cache in self._caches.values():
                cache.free = None
        self._flight = flight


def _with_request(job: ReadyJob, requests: Mapping[int, bytes]) -> ReadyJob:
    request = requests.get(job.job_id)
    return job if request is None else replace(job, request=request)
