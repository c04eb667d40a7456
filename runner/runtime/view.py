"""What there is to do and through which windows, read from the database at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.quota import Quota, Window
from runner.core.schedule import Route, Work
from runner.store import ledger, queue
from runner.store.queue import Batch


@dataclass(frozen=True, slots=True)
class View:
    """The queue and the windows at one moment.

    Attributes:
        batches: Those that may run and have jobs left, in the order of their ids.
        works: What each of them has to do.
        windows: The windows of each route that they take.
        next_due: When the first waiting job is due (ms since the epoch).
    """

    batches: tuple[Batch, ...]
    works: tuple[Work, ...]
    windows: dict[Route, tuple[Window, ...]]
    next_due: int | None

    def batch(self, batch_id: int) -> Batch:
        """The batch with this id."""
        return next(batch for batch in self.batches if batch.id == batch_id)


async def look(
    connection: AsyncConnection,
    account: str,
    quotas: Sequence[Quota],
    only: int | None,
    now: int,
    margin_ms: int,
) -> View:
    """The view of `account`'s work; of batch `only`, if one is named."""
    batches = tuple(batch for batch in await queue.runnable(connection) if only in (None, batch.id))
    due = await queue.next_due(connection)
    windows = {
        (account, model): await ledger.open_windows(
            connection, account, model, quotas, now, margin_ms
        )
        for model in sorted({batch.model for batch in batches})
    }
    works = tuple(_work(batch, account, due) for batch in batches)
    return View(batches, works, windows, due)


def _work(batch: Batch, account: str, due: int | None) -> Work:
    counts = batch.counts
    return Work(
        batch.id,
        (account, batch.model),
        counts.ready,
        batch.priority,
        counts.waiting,
        due if counts.waiting else None,
    )
