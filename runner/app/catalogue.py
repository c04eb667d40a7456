"""Operations on the batches of a database: find, show, change, export and delete.

They make no calls and need no account.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner import invocation
from runner.clock import Clock
from runner.core.states import BatchState
from runner.errors import NotFoundError
from runner.language import _
from runner.path_text import to_path
from runner.store import batch_updates, batches
from runner.store.batches import Batch
from runner.store.database import Database

if TYPE_CHECKING:
    from runner.app.difference import Difference
    from runner.app.profile import Profile
    from runner.app.pruning import Pruned
    from runner.app.quality import Quality
    from runner.app.review_rows import ReviewCounts
    from runner.app.reviewing import Reviewing
    from runner.app.rows import Reading, RowResult
    from runner.app.story import RowStory
    from runner.app.submission import OnProgress
    from runner.store.browsing import RowFilter, RowPage
    from runner.store.failures import Failure, FailureGroup


class Catalogue:
    """The batches of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @property
    def database_path(self) -> Path:
        """The path of the database."""
        return self._database.path

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self._clock

    @property
    def reading(self) -> Reading:
        """A function that opens a short read transaction."""
        return self._database.read

    async def batches(self) -> list[Batch]:
        """Returns every batch, oldest first."""
        async with self._database.read() as connection:
            return await batches.list_batches(connection)

    async def family(self, batch: Batch) -> list[Batch]:
        """Returns `batch` and its parts, the batch itself first; a part is returned alone."""
        async with self._database.read() as connection:
            return await batches.parts_of(connection, batch.id)

    async def families(self) -> list[list[Batch]]:
        """Returns every batch with its parts, the batch itself first, oldest first."""
        families: dict[int, list[Batch]] = {}
        for part in await self.batches():
            families.setdefault(part.part_of or part.id, []).append(part)
        return list(families.values())

    async def get(self, batch_id: int) -> Batch:
        """Returns the batch with this id.

        Raises:
            NotFoundError: There is none: it was deleted.
        """
        async with self._database.read() as connection:
            batch = await batches.get_batch(connection, batch_id)
        if batch is None:
            raise NotFoundError(_("no batch {name!r}").format(name=batch_id))
        return batch

    async def batch(self, name: str) -> Batch:
        """Returns the batch with this id, or else the newest with this name, as a user types it.

        Raises:
            NotFoundError: There is no such batch.
        """
        known = await self.batches()
        by_id = [batch for batch in known if str(batch.id) == name]
        by_name = [batch for batch in reversed(known) if batch.name == name]
        for batch in (*by_id, *by_name):
            return batch
        listed = ", ".join(f"{batch.id} ({batch.name})" for batch in known[-10:])
        remedy = (
            _("one of: {listed}").format(listed=listed)
            if listed
            else _("queue one with: {command}").format(
                command=invocation.command("submit", "JOBFILE", "INPUT")
            )
        )
        raise NotFoundError(_("no batch {name!r}").format(name=name), remedy=remedy)

    async def quality(self, batch: Batch) -> Quality:
        """Returns the agreement of `batch`: votes, known answers, packed against single rows."""
        from runner.app.quality import quality  # only a report of a batch

        return await quality(self._database.read, await self.family(batch))

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
        from runner.app import export, request_results, targets  # only an export

        family, reading = await self.family(batch), self._database.read
        if targets.as_lines(targets.kind_of(batch), path):
            return await request_results.write_results(reading, family, path, errors, on_progress)
        return await export.write_results(reading, family, path, on_progress, details=details)

    async def is_worked_on(self) -> bool:
        """Whether a runner is at work on this database, in whichever process."""
        from runner.store import liveness  # seldom needed

        return bool(await liveness.alive(self._database))

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

    async def browse(self, batch: Batch, wanted: RowFilter) -> RowPage:
        """Returns a page of the rows of `batch`; of a batch with votes, those of the first vote."""
        from runner.store import browsing  # only to look at rows

        async with self._database.read() as connection:
            return await browsing.rows_page(connection, batch, wanted)

    async def delete(self, selected: Sequence[Batch]) -> Pruned:
        """Deletes batches with their rows and results; their cost stays in the ledger.

        Raises:
            BusyError: A runner is working on one of them.
        """
        from runner.app import pruning  # only to delete

        return await pruning.delete(self._database, selected, self._clock.now())

    async def old_batches(self, age_ms: int) -> list[Batch]:
        """Returns the finished batches without any activity in the last `age_ms`."""
        from runner.app import pruning  # only to delete

        return await pruning.old_batches(self._database, self._clock.now() - age_ms)

    async def story(self, batch: Batch, number: int) -> RowStory:
        """Returns everything recorded about row `number` (from 1) of `batch` and about its votes.

        Raises:
            NotFoundError: The batch has no such row.
        """
        from runner.app.story import story  # only to show a row

        return await story(self._database.read, await self.family(batch), number)

    async def review_counts(self, of: Sequence[Batch]) -> dict[int, ReviewCounts]:
        """Returns how many rows of each batch need a review, and how many failures have one."""
        from runner.app.review_rows import review_counts  # only at the end of a run

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
        from runner.app.reviewing import Opened, Reviewing, reopened  # as below

        path, database = self.database_path, self._database
        opened: Opened = (lambda: reopened(path)) if reopens else (lambda: nullcontext(database))
        whole = batch if batch.part_of is None else await self.get(batch.part_of)
        return Reviewing(opened, self._clock, await self.family(whole), reviewer)

    async def profile(self, batch: Batch) -> Profile:
        """Returns the job, the outcome and the cost of `batch`."""
        from runner.app.profile import profile  # only to show a batch

        return await profile(self._database.read, await self.batches(), await self.family(batch))

    async def difference(self, first: Batch, second: Batch) -> Difference:
        """Compares the answers of two batches to the same rows."""
        from runner.app.difference import difference  # only to compare

        families = [await self.family(one) for one in (first, second)]
        return await difference(self._database.read, *families)

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
        from runner.app import outputs  # only a run
        from runner.jobfile import JobFile

        name, kept = outputs.named(path), None
        if batch.output != name:
            owner = next((one for one in await self.batches() if one.output == name), None)
            columns = JobFile.from_json(batch.job_json).output
            state = columns.names(("state",), ())[0]
            kept = outputs.set_aside(path, batch.counts.succeeded, state, owner)
        async with self._database.write() as connection:
            named_errors = None if errors is None else outputs.named(errors)
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

    async def rows(self, batch: Batch) -> AsyncIterator[RowResult]:
        """Yields every queued row with its result, in the input's order."""
        from runner.app.rows import results  # only those who look need it

        async for page in results(self._database.read, await self.family(batch)):
            for row in page:
                yield row

    async def failures(self, batch: Batch, limit: int = 100) -> list[Failure]:
        """Returns the first failed rows of `batch` and its parts, with the reasons."""
        from runner.store import failures  # only to show failures

        found: list[Failure] = []
        for part in await self.family(batch):
            async with self._database.read() as connection:
                found += await failures.first_failures(connection, part, limit - len(found))
        return found

    async def causes(self, batch: Batch) -> list[FailureGroup]:
        """Returns the causes of failure of `batch` and its parts, the most frequent first."""
        from runner.store import failures  # only to show failures

        family = await self.family(batch)
        async with self._database.read() as connection:
            return await failures.causes(connection, family)

    async def example(self, batch: Batch, cause: FailureGroup) -> Failure | None:
        """Returns the first row that failed for a cause; None if there is no such row any more."""
        from runner.store import failures  # only to show failures

        job_id = cause.job_ids[0]
        for part in await self.family(batch):
            if part.first_job <= job_id <= part.last_job:
                async with self._database.read() as connection:
                    found = await failures.first_failures(connection, part, 1, job_id)
                return found[0] if found else None
        return None

    async def retry(self, batch: Batch, cause: FailureGroup | None = None) -> int:
        """Queues failed rows again, all or those of one cause; returns how many."""
        from runner.store import retries  # only to retry

        async with self._database.write() as connection:
            if cause is None:
                return await retries.retry_family(connection, batch.id)
            for part in await batches.parts_of(connection, batch.id):
                if part.state is BatchState.PAUSED:
                    await batch_updates.set_batch_state(connection, part.id, BatchState.ACTIVE)
            return await retries.retry_jobs(connection, cause.job_ids)

    async def set_state(self, batch: Batch, state: BatchState, reason: str = "") -> Batch:
        """Pauses, resumes or cancels `batch` and its parts; rows in flight finish."""
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                await batch_updates.set_batch_state(connection, part.id, state, reason)
        return replace(batch, state=state, pause_reason=reason)
