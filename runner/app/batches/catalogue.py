"""Operations on the batches of a database: find, show, change, export and delete.

They make no calls and need no account.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.app.batches.batch_reader import BatchReader
from runner.core.states import BatchState
from runner.path_text import absolute_text, to_path
from runner.store import batch_updates, batches
from runner.store.batches import Batch

if TYPE_CHECKING:
    from runner.app.batches.pruning import Pruned
    from runner.app.progress import OnProgress
    from runner.app.reviews.review_rows import ReviewCounts
    from runner.app.reviews.reviewing import Reviewing
    from runner.store.failures import FailureGroup


class Catalogue(BatchReader):
    """The batches of one database, to be read and changed."""

    async def export(
        self,
        batch: Batch,
        path: Path,
        on_progress: OnProgress | None = None,
        *,
        errors: Path | None = None,
        details: bool = False,
    ) -> int:
        """Writes the results so far, in the input's order; returns the number of rows.

        Results of OpenAI Batch API requests that go to a ``.jsonl`` file are written as OpenAI's
        output file and error file.

        Args:
            batch: The batch; the answers of its votes are combined.
            path: The output file; its suffix determines the format.
            on_progress: Called with the number of rows written so far and the total.
            errors: The file for failed requests; by default ``OUT.errors.jsonl``.
            details: Whether to add each row's account, call and reply.

        Raises:
            OutputError: The file cannot be written; an existing one is unchanged.
        """
        from runner.app.results import export, request_results, targets  # only an export

        parts, reading = await self.parts_of(batch), self._database.read
        if targets.as_lines(targets.kind_of(batch), path):
            return await request_results.write_results(reading, parts, path, errors, on_progress)
        return await export.write_results(reading, parts, path, on_progress, details=details)

    async def rename(self, batch: Batch, name: str) -> Batch:
        """Renames `batch` and its parts."""
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                own = f"{name}, {part.part}" if part.part else name
                await batch_updates.rename(connection, part, own)
        return replace(batch, name=name)

    async def set_priority(self, batch: Batch, priority: int) -> Batch:
        """Sets the priority of `batch` and its parts; lower numbers run first."""
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                await batch_updates.set_priority(connection, part.id, priority)
        return replace(batch, priority=priority)

    async def delete(self, selected: Sequence[Batch]) -> Pruned:
        """Deletes batches with their rows and results; their cost stays in the ledger.

        Raises:
            BusyError: A runner is working on one of them.
        """
        from runner.app.batches import pruning  # only to delete

        return await pruning.delete(self._database, selected, self._clock.now())

    async def review_counts(self, of: Sequence[Batch]) -> dict[int, ReviewCounts]:
        """Returns how many rows of each batch need a review, and how many failures have one."""
        from runner.app.reviews.review_rows import review_counts  # only at the end of a run

        parts: dict[int | None, list[Batch]] = {}
        for batch in await self.batches():
            parts.setdefault(batch.part_of, []).append(batch)
        return {
            batch.id: await review_counts(self._database.read, [batch, *parts.get(batch.id, ())])
            for batch in of
        }

    async def reviewing(self, batch: Batch, reviewer: str, *, reopens: bool = False) -> Reviewing:
        """Returns a review of the rows of `batch` by `reviewer`.

        With `reopens` it outlives this database: it opens the database for each step, and holds no
        connection in between.

        Raises:
            ConfigError: The job is not a chat.
        """
        from runner.app.reviews.reviewing import Opened, Reviewing, reopened  # as below

        path, database = self.database_path, self._database
        opened: Opened = (lambda: reopened(path)) if reopens else (lambda: nullcontext(database))
        whole = batch if batch.part_of is None else await self.get(batch.part_of)
        return Reviewing(opened, self._clock, await self.parts_of(whole), reviewer)

    async def name_output(
        self, batch: Batch, path: Path, errors: Path | None = None
    ) -> tuple[Batch, Path | None]:
        """Sets the output file of `batch`, which runs write to from now on.

        An existing file with more answers that is not the batch's own is kept under another name.

        Returns:
            The changed batch, and that other name; None if no file was kept.

        Raises:
            OutputError: The file can be neither linked nor copied.
        """
        from runner.app.results.previous_output import keep_previous  # only a run

        name, kept = absolute_text(path), None
        if batch.output != name:
            owner = next((one for one in await self.batches() if one.output == name), None)
            kept = keep_previous(path, batch.counts.succeeded, owner)
        async with self._database.write() as connection:
            named_errors = None if errors is None else absolute_text(errors)
            await batch_updates.set_output(connection, batch.id, name, named_errors)
            return await batches.get_batch(connection, batch.id) or batch, kept

    async def write_output(self, batch: Batch) -> int:
        """Writes the output file of `batch`; returns the number of rows, 0 if it has no output.

        Raises:
            OutputError: The file cannot be written; an existing one is unchanged.
        """
        if batch.output is None:
            return 0
        errors = None if batch.error_output is None else to_path(batch.error_output)
        return await self.export(batch, to_path(batch.output), errors=errors)

    async def retry(
        self, batch: Batch, cause: FailureGroup | None = None, *, writes_output: bool = True
    ) -> int:
        """Queues failed rows again, all or those of one cause; returns how many.

        Paused parts whose rows are queued again are resumed. The output is written, unless
        `writes_output` is false because the caller has it written later.

        Raises:
            OutputError: The rows are queued, but the output cannot be written.
        """
        from runner.store import retries  # only to retry

        async with self._database.write() as connection:
            job_ids = None if cause is None else cause.job_ids
            retried = await retries.retry_parts(connection, batch.id, job_ids)
        if retried and writes_output:
            await self._write_whole(batch)
        return retried

    async def set_state(
        self, batch: Batch, state: BatchState, reason: str = "", *, writes_output: bool = True
    ) -> Batch:
        """Pauses, resumes or cancels `batch` and its parts; rows in flight finish.

        A finished batch is not changed, nor one that has the state already. After a change the
        output is written, unless `writes_output` is false because the caller has it written later.

        Returns:
            The batch as it is then.

        Raises:
            OutputError: The state is changed, but the output cannot be written.
        """
        async with self._database.write() as connection:
            parts = await batches.parts_of(connection, batch.id)
            changes = any(part.state is not state for part in parts if not part.done)
            for part in parts if changes else ():
                await batch_updates.set_batch_state(connection, part.id, state, reason)
            current = await batches.get_batch(connection, batch.id)
        if changes and writes_output:
            await self._write_whole(batch)
        return current or batch

    async def _write_whole(self, batch: Batch) -> None:
        """Writes the output of the batch that `batch` is or belongs to."""
        await self.write_output(await self.get(batch.part_of or batch.id))
