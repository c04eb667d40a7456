"""The batches that were paused while a run worked on them, by the user or by what came of them.

It sees that one is gone from the work; why, it reads once, and decides nothing.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import BatchState
from runner.engine.view import View
from runner.store import batches
from runner.store.batches import Batch


class Pauses:
    """What a run knows of pauses."""

    def __init__(self) -> None:
        self._met: frozenset[int] = frozenset()
        self._paused: dict[int, Batch] = {}

    @property
    def batches(self) -> tuple[Batch, ...]:
        """Those that were worked on and are paused now."""
        return tuple(self._paused.values())

    async def heed(self, connection: AsyncConnection, view: View) -> None:
        """Take note of the batches that have gone from the view, and of those that came back."""
        present = frozenset(batch.id for batch in view.batches)
        for batch_id in sorted(self._met - present):
            batch = await batches.get_batch(connection, batch_id)
            if batch is not None and batch.state is BatchState.PAUSED:
                self._paused[batch_id] = batch
        for batch_id in present & self._paused.keys():
            del self._paused[batch_id]
        self._met = present
