"""The ready jobs of one batch, packed into calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runner.core import packing
from runner.core.single_flight import SingleFlight
from runner.store.batches import Batch
from runner.store.jobs import ReadyJob

Pack = tuple[ReadyJob, ...]


@dataclass(slots=True)
class PackCache:
    """The packs of one batch.

    Attributes:
        packs: The packs, in the order in which they are asked.
        partial: Whether the last of them might take more jobs.
        reuses: Whether the batch takes answers of other batches.
        requests: The requests of its jobs that jobs of other batches share.
        job_count: The number of jobs in its packs.
        free: The packs that are not held back; None if they must be determined again.
    """

    packs: list[Pack]
    partial: bool
    reuses: bool
    requests: frozenset[bytes]
    job_count: int
    free: list[Pack] | None = None

    @classmethod
    def of(cls, ready: list[ReadyJob], batch: Batch, *, all_of_them: bool) -> PackCache:
        """Packs the jobs of `batch` that were read; `all_of_them` if it has no others."""
        by_id = {job.job_id: job for job in ready}
        filled = packing.fill((job.candidate for job in ready), batch.packing)
        partial = bool(filled) and not packing.is_full(filled[-1], batch.packing)
        if partial and not all_of_them:
            filled.pop()  # the jobs that would fill it were not read
            partial = False
        packs = [tuple(by_id[candidate.job_id] for candidate in pack) for pack in filled]
        requests = frozenset(job.request for job in ready if job.request is not None)
        return cls(packs, partial, batch.reuse_answers, requests, sum(map(len, packs)))

    def startable(self, flight: SingleFlight) -> list[Pack]:
        """Returns the packs that are not held back by these requests in flight."""
        if not (self.reuses and self.requests) or self.requests.isdisjoint(flight.jobs):
            return self.packs
        return [pack for pack in self.packs if not flight.holds(job.request for job in pack)]

    def remove(self, packs: list[Pack]) -> None:
        """Discards some of its packs."""
        if not packs:
            return
        gone, last = set(map(id, packs)), self.packs[-1]
        self.packs = [pack for pack in self.packs if id(pack) not in gone]
        self.partial = self.partial and id(last) not in gone
        self.job_count -= sum(map(len, packs))
        self.free = None


def requests_of(packs: Iterable[Pack]) -> Iterator[tuple[bytes | None, int]]:
    """Returns the requests of the jobs in `packs`, with the ids of the jobs."""
    return ((job.request, job.job_id) for pack in packs for job in pack)
