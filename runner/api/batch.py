"""A batch as it stood when it was read from the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from runner.api.job import Job
from runner.store.batches import Batch as StoredBatch

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[T]):
    """A job applied to rows, as it stood when it was read; `Midnight.refresh` reads it again.

    Attributes:
        id: Its number, which `midnight status` shows.
        job: What is asked of each row.
        state: ``active``, ``paused``, ``cancelled``; ``loading`` if its submission was cut short.
        pause_reason: Why it is paused; empty if it is not, or nobody said.
        rows: How many rows it has.
        succeeded: Rows with an answer; where rows are voted on, those of the first vote.
        failed: Rows without one, likewise.
        left: Answers that are still to come, those of votes and of a check included.
        calls: Calls made for it so far.
        created: Whether submitting it made it; False: it was there before.
    """

    id: int
    job: Job[T]
    state: str
    pause_reason: str
    rows: int
    succeeded: int
    failed: int
    left: int
    calls: int
    created: bool = False
    stored: StoredBatch = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its name, as the job file says."""
        return self.stored.name

    @property
    def done(self) -> bool:
        """Whether every row has a result or a failure."""
        return self.left == 0


def batch_of(family: Sequence[StoredBatch], job: Job[T], *, created: bool = False) -> Batch[T]:
    """The batch that is the first of `family`, which are its parts."""
    whole = family[0]
    return Batch(
        id=whole.id,
        job=job,
        state=whole.state.value,
        pause_reason=whole.pause_reason,
        rows=whole.rows,
        succeeded=whole.counts.succeeded,
        failed=whole.counts.failed,
        left=sum(part.left for part in family),
        calls=whole.calls_made,
        created=created,
        stored=whole,
    )
