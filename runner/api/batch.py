"""A batch, as it stood when the library last looked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

from runner.api.job import Job
from runner.api.moments import moment
from runner.core.states import BatchState
from runner.store.batches import Batch as StoredBatch

T = TypeVar("T")


class Batch(Generic[T]):
    """A job applied to rows.

    Whatever `Midnight` does with it brings it up to date: after a run, in a loop over results, and
    after the loop, its counts are those of the database. `Midnight.refresh` looks again, for what
    somebody else has done.

    Attributes:
        job: What is asked of each row.
        created: Whether submitting it made it; False: it was there before.
        family: What the database has of it: the batch itself, then its parts (votes, a check).
    """

    def __init__(
        self, family: Sequence[StoredBatch], job: Job[T], *, created: bool = False
    ) -> None:
        self.family = tuple(family)
        self.job = job
        self.created = created

    @property
    def stored(self) -> StoredBatch:
        """What the database has of the batch itself."""
        return self.family[0]

    @property
    def id(self) -> int:
        """Its number, which `midnight status` shows."""
        return self.stored.id

    @property
    def name(self) -> str:
        """Its name, as the job file says."""
        return self.stored.name

    @property
    def state(self) -> str:
        """``done``, ``active``, ``paused``, ``cancelled``; ``loading`` if it is queued in part."""
        is_over = self.done and self.stored.state is BatchState.ACTIVE
        return "done" if is_over else self.stored.state.value

    @property
    def pause_reason(self) -> str:
        """Why it is paused; empty if it is not, or nobody said."""
        return self.stored.pause_reason

    @property
    def created_at(self) -> datetime:
        """When it was queued."""
        return moment(self.stored.created_at)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.stored.rows

    @property
    def succeeded(self) -> int:
        """Rows with an answer; where rows are voted on, those of the first vote."""
        return self.stored.counts.succeeded

    @property
    def failed(self) -> int:
        """Rows that have failed, likewise."""
        return self.stored.counts.failed

    @property
    def left(self) -> int:
        """Answers that are still to come, those of votes and of a check included."""
        return sum(part.left for part in self.family)

    @property
    def calls(self) -> int:
        """Calls made for it so far."""
        return self.stored.calls_made

    @property
    def done(self) -> bool:
        """Whether every row has a result or a failure."""
        return self.left == 0

    def __repr__(self) -> str:
        counts = f"{self.succeeded} succeeded, {self.failed} failed, {self.left} left"
        return f"<Batch {self.id} {self.name!r}: {self.rows} rows, {counts}>"
