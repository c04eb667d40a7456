"""A batch, with its state at the last refresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from runner.api.job import Job, of_jobfile
from runner.api.moments import moment
from runner.core.states import BatchState
from runner.jobfile import JobFile
from runner.store.batches import Batch as StoredBatch

T = TypeVar("T")


class Batch(Generic[T]):
    """A job applied to rows.

    The methods of `Midnight` refresh it: after a run, in a loop over results, and after the loop,
    its counts are those of the database. `Midnight.refresh` reads the changes that others made.

    Attributes:
        job: The job that is applied to each row.
        created: Whether submitting created the batch; False if it existed before.
        parts: The stored batch itself, followed by its parts (votes, a check).
    """

    def __init__(self, parts: Sequence[StoredBatch], job: Job[T], *, created: bool = False) -> None:
        self.parts = tuple(parts)
        self.job = job
        self.created = created

    @property
    def stored(self) -> StoredBatch:
        """The stored batch, without its parts."""
        return self.parts[0]

    @property
    def id(self) -> int:
        """The number of the batch, which `midnight status` shows."""
        return self.stored.id

    @property
    def name(self) -> str:
        """The name of the batch, from the job."""
        return self.stored.name

    @property
    def state(self) -> str:
        """``done``, ``active``, ``paused``, ``cancelled``; ``loading`` while rows are queued."""
        is_over = self.done and self.stored.state is BatchState.ACTIVE
        return "done" if is_over else self.stored.state.value

    @property
    def pause_reason(self) -> str:
        """The reason for which it is paused; empty if it is not paused or has no reason."""
        return self.stored.pause_reason

    @property
    def created_at(self) -> datetime:
        """The time at which it was submitted."""
        return moment(self.stored.created_at)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.stored.rows

    @property
    def succeeded(self) -> int:
        """The number of rows with an answer; with votes, those of the first vote."""
        return self.stored.counts.succeeded

    @property
    def failed(self) -> int:
        """The number of rows that have failed; with votes, those of the first vote."""
        return self.stored.counts.failed

    @property
    def left(self) -> int:
        """The number of jobs without a result, those of votes and of a check included."""
        return sum(part.left for part in self.parts)

    @property
    def calls(self) -> int:
        """The number of calls made for it so far."""
        return self.stored.calls_made

    @property
    def done(self) -> bool:
        """Whether every row has a result or a failure."""
        return self.left == 0

    def __repr__(self) -> str:
        counts = f"{self.succeeded} succeeded, {self.failed} failed, {self.left} left"
        return f"<Batch {self.id} {self.name!r}: {self.rows} rows, {counts}>"


def of_parts(parts: Sequence[StoredBatch]) -> Batch[Any]:
    """Returns a stored batch, given with its parts, with the job of its job file."""
    return Batch(parts, of_jobfile(JobFile.from_json(parts[0].job_json)))
