"""Rewrites the output files of batches shortly after reviews have changed their answers."""

from __future__ import annotations

import logging
from contextlib import suppress

import anyio

from runner.app.catalogue import Catalogue
from runner.errors import RunnerError

log = logging.getLogger(__name__)

QUIET_S = 2.0
"""Debounce time: an output is written once its batch has not changed for this long."""


class OutputRefresher:
    """Rewrites the outputs of changed batches while `work` runs."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._changed: dict[int, float] = {}
        self._has_changes = anyio.Event()

    def changed(self, batch_id: int) -> None:
        """Marks a batch as changed."""
        self._changed[batch_id] = anyio.current_time()
        self._has_changes.set()

    async def work(self) -> None:
        """Writes outputs until cancelled, then those that are still pending."""
        try:
            while True:
                await self._has_changes.wait()
                self._has_changes = anyio.Event()
                await self._write_quiet()
        finally:
            with anyio.CancelScope(shield=True):
                for batch_id in self._changed:
                    await self._write(batch_id)

    async def _write_quiet(self) -> None:
        while self._changed:
            batch_id, at = min(self._changed.items(), key=lambda pair: pair[1])
            quiet = anyio.current_time() - at
            if quiet < QUIET_S:
                await anyio.sleep(QUIET_S - quiet)
                continue
            del self._changed[batch_id]
            await self._write(batch_id)

    async def _write(self, batch_id: int) -> None:
        with suppress(RunnerError):  # the batch may have been deleted
            batch = await self._catalogue.get(batch_id)
            rows = await self._catalogue.write_output(batch)
            log.info("output written", extra={"batch": batch_id, "rows": rows})
