"""Rewrites the output files of batches shortly after reviews have changed their answers."""

from __future__ import annotations

import logging

import anyio

from runner.app.batches.catalogue import Catalogue
from runner.errors import NotFoundError, RunnerError

log = logging.getLogger(__name__)

QUIET_S = 2.0
"""Debounce time: an output is written once its batch has not changed for this long."""
RETRY_S = 30.0
"""The time after which an output that could not be written is tried again."""


class OutputRefresher:
    """Rewrites the outputs of changed batches while `work` runs."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._due: dict[int, float] = {}  # by batch: when its output is to be written
        self._has_changes = anyio.Event()

    def changed(self, batch_id: int) -> None:
        """Marks a batch as changed."""
        self._due[batch_id] = anyio.current_time() + QUIET_S
        self._has_changes.set()

    async def work(self) -> None:
        """Writes outputs until cancelled, then those that are still pending."""
        try:
            while True:
                self._has_changes = anyio.Event()
                await self._write_due()
                with anyio.CancelScope(deadline=min(self._due.values(), default=float("inf"))):
                    await self._has_changes.wait()
        finally:
            with anyio.CancelScope(shield=True):
                for batch_id in list(self._due):
                    await self._write(batch_id)

    async def _write_due(self) -> None:
        now = anyio.current_time()
        for batch_id, at in list(self._due.items()):
            if at > now:
                continue
            is_over = await self._write(batch_id)
            if self._due[batch_id] != at:  # it has changed again meanwhile
                continue
            if is_over:
                del self._due[batch_id]
            else:
                self._due[batch_id] = anyio.current_time() + RETRY_S

    async def _write(self, batch_id: int) -> bool:
        """Writes the output of a batch; returns whether it need not be tried again."""
        try:
            rows = await self._catalogue.write_output(await self._catalogue.get(batch_id))
        except NotFoundError:  # the batch was deleted
            return True
        except RunnerError as error:
            log.warning("output cannot be written", extra={"batch": batch_id, "why": error.what})
            return False
        log.info("output written", extra={"batch": batch_id, "rows": rows})
        return True
