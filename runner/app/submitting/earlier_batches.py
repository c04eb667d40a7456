"""Recognises the input of batches of earlier releases, which kept its first file only.

Their digests do not tell which sheet of a workbook was read, nor in which format. The rows that
they have queued tell it.
"""

from __future__ import annotations

from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.submitting.submission import Submission
from runner.files.formats import WORKBOOKS
from runner.store import batch_rows, batch_updates, batches
from runner.store.batches import Batch
from runner.store.database import Database
from runner.threads import in_thread

_COMPARED = 100
"""The number of first rows that are compared; half of them may have been edited since."""


async def recognise(database: Database, submission: Submission) -> None:
    """Records the input of those batches of earlier releases that are of this one.

    A batch of the same contents that has other rows gets another digest, since it is of another
    sheet or format. One that has more rows than the input is of several files.
    """
    new, content_digest = submission.new_batch(submission.parts[0]), submission.content_digest
    async with database.read() as connection:
        if not await batches.without_source(connection, new, content_digest):
            return
    first = await in_thread(_first_rows, submission)
    has_sheets = any(file.type.format in WORKBOOKS for file in submission.dataset.files)
    async with database.write() as connection:
        for batch in await batches.without_source(connection, new, content_digest):
            has_content = batch.digest.startswith(content_digest)
            rest = batch.digest.removeprefix(content_digest).removeprefix(batches.ASIDE)
            fits = batch.rows == new.rows if has_content else batch.rows <= new.rows
            is_clear = not (has_content or has_sheets)
            if fits and (is_clear or await _has_rows(connection, batch, first)):
                digest = f"{submission.digest}{rest}" if has_content else batch.digest
                await batch_updates.set_source(connection, batch, digest, new.input_json)
            elif has_content:
                aside = f"{content_digest}{batches.ASIDE}{rest}"
                await batch_updates.set_source(connection, batch, aside, "")


def _first_rows(submission: Submission) -> frozenset[str]:
    return frozenset(islice(submission.rows(), _COMPARED))


async def _has_rows(connection: AsyncConnection, batch: Batch, first: frozenset[str]) -> bool:
    """Whether at least half of the first rows of a batch are among these of an input."""
    queued = await batch_rows.first_bodies(connection, batch, _COMPARED)
    return sum(body in first for body in queued) * 2 >= len(queued)
