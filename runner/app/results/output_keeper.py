"""Keeps the output files of batches up to date during a run."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from runner import path_text
from runner.core.states import Counts
from runner.engine.progress import Progress, Watcher
from runner.errors import OutputError, RunnerError
from runner.store.batches import Batch

log = logging.getLogger(__name__)

# The interval between rewrites during a run, extended so that writing takes at most this share of
# the time.
EVERY_S = 120.0
SHARE_OF_TIME = 0.05
# A run sleeps if its wait is at least this long.
SLEEP_MS = 20_000

Signature = tuple[tuple[Counts, int], ...]
"""The counts of a batch and its parts; they change whenever the results do."""

PartsOf = Callable[[Batch], Awaitable[list[Batch]]]
Write = Callable[[Batch], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class WrittenOutput:
    """An output file after the last write; `error` is the reason if that failed."""

    batch_id: int
    path: Path
    rows: int = 0
    error: OutputError | None = None


class OutputKeeper:
    """Writes the outputs of batches during a run; a watcher of that run.

    Args:
        find: Returns the batches of the run that have an output.
        parts_of: Returns a batch with its parts.
        write: Writes the output of a batch; returns the number of rows.
        watcher: The next watcher, which is called with the same progress.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[list[Batch]]],
        parts_of: PartsOf,
        write: Write,
        watcher: Watcher | None,
    ) -> None:
        self._find = find
        self._parts_of = parts_of
        self._write = write
        self._watcher = watcher
        self._asleep = anyio.Event()
        self._was_asleep = False
        self._seen: dict[int, Signature] = {}
        self._written: dict[int, WrittenOutput] = {}

    def __call__(self, progress: Progress) -> None:
        """Notes whether the run sleeps, and passes the progress on."""
        asleep = _sleeps(progress)
        if asleep and not self._was_asleep:
            self._asleep.set()
        self._was_asleep = asleep
        if self._watcher is not None:
            self._watcher(progress)

    async def keep_up(self) -> None:
        """Writes changed outputs when the run falls asleep, and periodically, until cancelled."""
        pause = EVERY_S
        while True:
            with anyio.move_on_after(pause):
                await self._asleep.wait()
            self._asleep = anyio.Event()
            began = anyio.current_time()
            with suppress(RunnerError):  # the run reports what is wrong with the database
                await self.write_changed()
            pause = max(EVERY_S, (anyio.current_time() - began) / SHARE_OF_TIME)

    @property
    def outputs(self) -> tuple[WrittenOutput, ...]:
        """The latest writing of each output."""
        return tuple(self._written.values())

    async def write_changed(self) -> None:
        """Writes the outputs of changed batches."""
        for batch in await self._find():
            parts = await self._parts_of(batch)
            signature = tuple((part.counts, part.calls_made) for part in parts)
            if self._seen.get(batch.id) != signature and await self._write_one(batch):
                self._seen[batch.id] = signature

    async def _write_one(self, batch: Batch) -> bool:
        """Writes an output; returns whether it could be written."""
        path = path_text.to_path(batch.output or "")
        try:
            self._written[batch.id] = WrittenOutput(batch.id, path, await self._write(batch))
        except OutputError as error:
            self._written[batch.id] = WrittenOutput(batch.id, path, error=error)
            log.warning("output cannot be written", extra={"batch": batch.id, "why": error.what})
            return False
        return True


def _sleeps(progress: Progress) -> bool:
    if progress.in_flight or not progress.waiting:
        return bool(progress.paused) and not progress.batches
    return progress.until is None or progress.until - progress.at > SLEEP_MS


def with_output(batches: Collection[Batch], only: frozenset[int] | None) -> list[Batch]:
    """Returns the batches that have an output and that a run limited to `only` includes."""
    return [b for b in batches if b.output is not None and (only is None or b.id in only)]
