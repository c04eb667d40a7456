"""The counts of batches, kept exact by every transaction that moves a job.

A transaction collects its changes in `Changes`, and writes them with one statement at its end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import Counts, JobState
from runner.store.batches import Batch
from runner.store.statement import Statement
from runner.store.tables import batch_counts

_NAMES = tuple(column.name for column in batch_counts.c if column.name != "batch_id")
_NONE: Counter[str] = Counter()
_ADD = Statement(
    update(batch_counts)
    .where(batch_counts.c.batch_id == bindparam("its_id"))
    .values({name: batch_counts.c[name] + bindparam(f"more_{name}") for name in _NAMES})
)


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of counts, by batch and column."""

    by_batch: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, batch_id: int, column: str, number: int) -> None:
        """Adds `number` to a count."""
        self.by_batch[batch_id][column] += number

    def move(self, batch_id: int, old: JobState, new: JobState, number: int = 1) -> None:
        """Counts the move of `number` jobs from one state to another."""
        counter = self.by_batch[batch_id]
        counter[old.value] -= number
        counter[new.value] += number

    def count_calls(self, batch_id: int, part_of: int | None, number: int) -> None:
        """Adds `number` to the calls that a batch has made; a part's count for the whole, too."""
        self.add(batch_id, "calls_made", number)
        if part_of is not None:
            self.add(part_of, "calls_made", number)

    def include(self, others: Changes) -> None:
        """Adds other changes."""
        for batch_id, changed in others.by_batch.items():
            self.by_batch[batch_id].update(changed)

    async def write(self, connection: AsyncConnection) -> None:
        """Adds the changes to the stored counts."""
        rows: list[Mapping[str, Any]] = [
            {"its_id": batch_id} | {f"more_{name}": changed[name] for name in _NAMES}
            for batch_id, changed in sorted(self.by_batch.items())
            if any(changed.values())
        ]
        await _ADD.run(connection, rows)

    def applied_to(self, batch: Batch) -> Batch:
        """Returns `batch` with these changes; `batch` itself if there are none for it."""
        changed = self.by_batch.get(batch.id, _NONE)
        of_whole = self.by_batch.get(batch.part_of or batch.id, _NONE)
        if not (changed or of_whole):
            return batch
        states = {state.value: getattr(batch.counts, state.value) for state in JobState}
        counts = Counts(**{name: number + changed[name] for name, number in states.items()})
        return replace(
            batch,
            counts=counts,
            rows_loaded=batch.rows_loaded + changed["rows_loaded"],
            reused=batch.reused + changed["reused"],
            calls_made=batch.calls_made + changed["calls_made"],
            calls_counted=batch.calls_counted + of_whole["calls_made"],
            calls_rejected=batch.calls_rejected + changed["calls_rejected"],
        )
