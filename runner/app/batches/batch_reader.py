"""Reads the batches of a database: finds them, and shows their rows, failures and reports.

It makes no calls and needs no account.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner import invocation
from runner.clock import Clock
from runner.errors import NotFoundError
from runner.language import _
from runner.store import batches
from runner.store.batches import Batch
from runner.store.database import Database

if TYPE_CHECKING:
    from runner.app.batches.difference import Difference
    from runner.app.batches.profile import Profile
    from runner.app.batches.story import RowStory
    from runner.app.results.rows import Reading, RowResult
    from runner.app.reviews.quality import Quality
    from runner.store.browsing import RowFilter, RowPage
    from runner.store.failures import Failure, FailureGroup


class BatchReader:
    """The batches of one database, to be read."""

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

    async def parts_of(self, batch: Batch) -> list[Batch]:
        """Returns `batch` and its parts, the batch itself first; a part is returned alone."""
        async with self._database.read() as connection:
            return await batches.parts_of(connection, batch.id)

    async def all_with_parts(self) -> list[list[Batch]]:
        """Returns every batch with its parts, the batch itself first, oldest first."""
        with_parts: dict[int, list[Batch]] = {}
        for part in await self.batches():
            with_parts.setdefault(part.part_of or part.id, []).append(part)
        return list(with_parts.values())

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
        from runner.app.reviews.quality import quality  # only a report of a batch

        return await quality(self._database.read, await self.parts_of(batch))

    async def is_worked_on(self) -> bool:
        """Whether a runner is at work on this database, in whichever process."""
        from runner.store import liveness  # seldom needed

        return bool(await liveness.alive(self._database))

    async def browse(self, batch: Batch, wanted: RowFilter) -> RowPage:
        """Returns a page of the rows of `batch`; of a batch with votes, those of the first vote."""
        from runner.store import browsing  # only to look at rows

        async with self._database.read() as connection:
            return await browsing.rows_page(connection, batch, wanted)

    async def old_batches(self, age_ms: int) -> list[Batch]:
        """Returns the finished batches without any activity in the last `age_ms`."""
        from runner.app.batches import pruning  # only to delete

        return await pruning.old_batches(self._database, self._clock.now() - age_ms)

    async def story(self, batch: Batch, number: int) -> RowStory:
        """Returns everything recorded about row `number` (from 1) of `batch` and about its votes.

        Raises:
            NotFoundError: The batch has no such row.
        """
        from runner.app.batches.story import story  # only to show a row

        return await story(self._database.read, await self.parts_of(batch), number)

    async def profile(self, batch: Batch) -> Profile:
        """Returns the job, the outcome and the cost of `batch`."""
        from runner.app.batches.profile import profile  # only to show a batch

        return await profile(self._database.read, await self.batches(), await self.parts_of(batch))

    async def difference(self, first: Batch, second: Batch) -> Difference:
        """Compares the answers of two batches to the same rows."""
        from runner.app.batches.difference import difference  # only to compare

        pair = [await self.parts_of(one) for one in (first, second)]
        return await difference(self._database.read, *pair)

    async def rows(self, batch: Batch) -> AsyncIterator[RowResult]:
        """Yields every queued row with its result, in the input's order."""
        from runner.app.results.rows import results  # only those who look need it

        async for page in results(self._database.read, await self.parts_of(batch)):
            for row in page:
                yield row

    async def failures(self, batch: Batch, limit: int = 100) -> list[Failure]:
        """Returns the first failed rows of `batch` and its parts, with the reasons."""
        from runner.store import failures  # only to show failures

        found: list[Failure] = []
        for part in await self.parts_of(batch):
            async with self._database.read() as connection:
                found += await failures.first_failures(connection, part, limit - len(found))
        return found

    async def causes(self, batch: Batch) -> list[FailureGroup]:
        """Returns the causes of failure of `batch` and its parts, the most frequent first."""
        from runner.store import failures  # only to show failures

        parts = await self.parts_of(batch)
        async with self._database.read() as connection:
            return await failures.causes(connection, parts)

    async def example(self, batch: Batch, cause: FailureGroup) -> Failure | None:
        """Returns the first row that failed for a cause; None if there is no such row any more."""
        from runner.store import failures  # only to show failures

        job_id = cause.job_ids[0]
        for part in await self.parts_of(batch):
            if part.first_job <= job_id <= part.last_job:
                async with self._database.read() as connection:
                    found = await failures.first_failures(connection, part, 1, job_id)
                return found[0] if found else None
        return None
