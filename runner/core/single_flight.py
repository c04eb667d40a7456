"""Single flight: of jobs of several batches with the same request, one is in a call at a time.

The others are held back until that call ends: its answer is theirs, too, and without an answer the
next of them is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

Request = bytes
"""The fingerprint of a request and of its models."""


@dataclass(frozen=True, slots=True)
class SingleFlight:
    """The shared requests in flight.

    Attributes:
        jobs: By request, the jobs in flight that ask it. A batch that wants its own answers is not
            held back, so there may be several.
    """

    jobs: Mapping[Request, frozenset[int]] = field(default_factory=dict)

    def holds(self, requests: Iterable[Request | None]) -> bool:
        """Whether a call with these requests is held back (None: one that nobody shares)."""
        return any(request in self.jobs for request in requests)

    def started(self, asked: Iterable[tuple[Request | None, int]]) -> SingleFlight:
        """Returns the state after calls with these requests, each with its job, have started."""
        jobs = dict(self.jobs)
        for request, job in asked:
            if request is not None:
                jobs[request] = jobs.get(request, frozenset()) | {job}
        return SingleFlight(jobs)

    def ended(self, ended: Collection[int]) -> SingleFlight:
        """Returns the state after these jobs are no longer in flight."""
        if not self.jobs:
            return self
        left = {request: jobs.difference(ended) for request, jobs in self.jobs.items()}
        return SingleFlight({request: jobs for request, jobs in left.items() if jobs})
