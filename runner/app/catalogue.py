"""The batches of a database: found by name, shown, changed, exported, deleted.

It makes no call and needs no account.
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
    from runner.app.reviewing import Reviewing
    from runner.app.rows import Reading, RowResult
    from runner.app.story import RowStory
    from runner.app.submission import OnProgress
    from runner.store.batch_rows import Cause, Failure
    from runner.store.browsing import RowPage, Wanted


class Catalogue:
    """What can be done with the batches of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @property
    def database_path(self) -> Path:
        """The file of the database."""
        return self._database.path

    @property
    def clock(self) -> Clock:
        """Tells the hour."""
        return self._clock

    @property
    def reading(self) -> Reading:
        """Opens a short read of the database."""
        return self._database.read

    async def batches(self) -> list[Batch]:
        """Every batch, oldest first."""
        async with self._database.read() as connection:
            return await batches.list_batches(connection)

    async def family(self, batch: Batch) -> list[Batch]:
        """`batch` and its parts, if it is whole; else itself."""
        async with self._database.read() as connection:
            return await batches.parts_of(connection, batch.id)

    async def batch(self, name: str) -> Batch:
        """The batch with this id, or else the newest with this name.

        Raises:
            NotFoundError: There is none.
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
        """How far the answers of `batch` agree: votes, the right answers, packed against single."""
        from runner.app.quality import quality  # noqa: PLC0415 - only a report of a batch

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
        """Write the results so far, in the input's order; how many rows there were.

        Of requests made for the OpenAI Batch API, a ``.jsonl`` file gets those that were answered,
        as that would write them, and another those that failed.

        Args:
            batch: Whose results; those of its votes are put together.
            path: Where to, in the format of its suffix.
            on_progress: Called with the rows written so far and the rows in all.
            errors: Where requests that failed go; ``OUT.errors.jsonl`` unless given.
            details: Whether to add the account, the call, and the reply of each row.

        Raises:
            OutputError: The file cannot be written; an older one is left as it was.
        """
        from runner.app import export, request_results, targets  # noqa: PLC0415 - only an export

        family, kind = await self.family(batch), targets.kind_of(batch)
        reading = self._database.read
        if targets.as_lines(kind, path):
            return await request_results.write_results(reading, family, path, errors, on_progress)
        return await export.write_results(
            reading, family, path, on_progress, vectors=kind == "embedding", details=details
        )

    async def is_worked_on(self) -> bool:
        """Whether a runner is at work on this database, in whichever process."""
        from runner.store import liveness  # noqa: PLC0415 - seldom needed

        return bool(await liveness.alive(self._database))

    async def rename(self, batch: Batch, name: str) -> Batch:
        """Give `batch` and its parts another name."""
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                own = f"{name}, {part.part}" if part.part else name
                await batch_updates.rename(connection, part, own)
        return replace(batch, name=name)

    async def set_priority(self, batch: Batch, priority: int) -> Batch:
        """Have `batch` and its parts go earlier (a lower number) or later than others."""
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                await batch_updates.set_priority(connection, part.id, priority)
        return replace(batch, priority=priority)

    async def browse(self, batch: Batch, wanted: Wanted) -> RowPage:
        """A page of the rows of `batch`; of a vote, what the batch's own part has of them."""
        from runner.store import browsing  # noqa: PLC0415 - only to look at rows

        async with self._database.read() as connection:
            return await browsing.rows_page(connection, batch, wanted)

    async def delete(self, found: Sequence[Batch]) -> Pruned:
        """Delete batches with their rows and results; what they cost stays in the ledger.

        Raises:
            BusyError: A runner works on one of them.
        """
        from runner.app import pruning  # noqa: PLC0415 - only to delete

        return await pruning.delete(self._database, found, self._clock.now())

    async def old_batches(self, age_ms: int) -> list[Batch]:
        """The batches that are over, and for which nothing was recorded for so long."""
        from runner.app import pruning  # noqa: PLC0415 - only to delete

        return await pruning.old_batches(self._database, self._clock.now() - age_ms)

    async def story(self, batch: Batch, number: int) -> RowStory:
        """All that is known of row `number` (from 1) of `batch`, and of its votes.

        Raises:
            NotFoundError: It has no such row.
        """
        from runner.app.story import story  # noqa: PLC0415 - only to show a row

        return await story(self._database.read, await self.family(batch), number)

    async def reviewing(self, batch: Batch, reviewer: str, *, reopens: bool = False) -> Reviewing:
        """A person's review of the rows of `batch`.

        With `reopens` it goes on when this database is closed, and opens it again for each step; so
        it is in nobody's way between them.

        Raises:
            ConfigError: It has no answers of a chat.
        """
        from runner.app.reviewing import Opened, Reviewing, reopened  # noqa: PLC0415 - as below

        path, database = self.database_path, self._database
        opened: Opened = (lambda: reopened(path)) if reopens else (lambda: nullcontext(database))
        whole = batch if batch.part_of is None else await self.batch(str(batch.part_of))
        return Reviewing(opened, self._clock, await self.family(whole), reviewer)

    async def profile(self, batch: Batch) -> Profile:
        """What `batch` asks, what came of it, and what it cost."""
        from runner.app.profile import profile  # noqa: PLC0415 - only to show a batch

        return await profile(self._database.read, await self.batches(), await self.family(batch))

    async def difference(self, first: Batch, second: Batch) -> Difference:
        """How the answers of two batches to the same rows differ."""
        from runner.app.difference import difference  # noqa: PLC0415 - only to compare

        families = [await self.family(one) for one in (first, second)]
        return await difference(self._database.read, *families)

    async def name_output(
        self, batch: Batch, path: Path, errors: Path | None = None
    ) -> tuple[Batch, Path | None]:
        """Have the results of `batch` written to a file from now on.

        A file there with more answers, which is not the batch's own, is kept under another name.

        Returns:
            The batch as it is then, and that name.

        Raises:
            OutputError: The file cannot be kept.
        """
        from runner.app import outputs  # noqa: PLC0415 - only a run
        from runner.jobfile import JobFile  # noqa: PLC0415

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
        """Write the output that `batch` remembers; how many rows there were; 0 if it has none.

        Raises:
            OutputError: The file cannot be written; an older one is left as it was.
        """
        if batch.output is None:
            return 0
        errors = None if batch.error_output is None else to_path(batch.error_output)
        return await self.export(batch, to_path(batch.output), errors=errors)

    async def rows(self, batch: Batch) -> AsyncIterator[RowResult]:
        """Every row that was queued, in the input's order, with what became of it."""
        from runner.app.rows import results  # noqa: PLC0415 - only those who look need it

        async for page in results(self._database.read, await self.family(batch)):
            for row in page:
                yield row

    async def failures(self, batch: Batch, limit: int = 100) -> list[Failure]:
        """The first failed rows of `batch` and its parts, and why."""
        from runner.store import batch_rows  # noqa: PLC0415 - only to show failures

        found: list[Failure] = []
        for part in await self.family(batch):
            async with self._database.read() as connection:
                found += await batch_rows.failures(connection, part, limit - len(found))
        return found

    async def causes(self, batch: Batch) -> list[Cause]:
        """Why rows of `batch` and its parts have failed, the most frequent cause first."""
        from runner.store import batch_rows  # noqa: PLC0415 - only to show failures

        family = await self.family(batch)
        async with self._database.read() as connection:
            return await batch_rows.causes(connection, family)

    async def example(self, batch: Batch, cause: Cause) -> Failure | None:
        """The first of the rows that have failed for a cause; None: it has not, or no longer."""
        from runner.store import batch_rows  # noqa: PLC0415 - only to show failures

        job_id = cause.job_ids[0]
        for part in await self.family(batch):
            if part.first_job <= job_id <= part.last_job:
                async with self._database.read() as connection:
                    found = await batch_rows.failures(connection, part, 1, job_id)
                return found[0] if found else None
        return None

    async def retry(self, batch: Batch, cause: Cause | None = None) -> int:
        """Queue the failed rows of `batch` and its parts again, or those of one cause; how many."""
        from runner.store import results  # noqa: PLC0415 - only to retry

        async with self._database.write() as connection:
            if cause is None:
                return await results.retry_family(connection, batch.id)
            for part in await batches.parts_of(connection, batch.id):
                if part.state is BatchState.PAUSED:
                    await batch_updates.set_batch_state(connection, part.id, BatchState.ACTIVE)
            return await results.retry_jobs(connection, cause.job_ids)

    async def set_state(self, batch: Batch, state: BatchState, reason: str = "") -> Batch:
        """Pause, resume or cancel `batch` and its parts. Rows in flight finish; nothing is lost."""
        async with self._database.write() as connection:
            for part in await batches.parts_of(connection, batch.id):
                await batch_updates.set_batch_state(connection, part.id, state, reason)
        return replace(batch, state=state, pause_reason=reason)
