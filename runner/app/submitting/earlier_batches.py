"""Recognises the input of batches of earlier releases, which kept its first file only.

Their digests do not tell which sheet of a workbook was read, nor in which format. What tells it is
the rows that they have queued.
"""

from __future__ import annotations

from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.submitting.submission import Submission
from runner.store import batch_rows, batch_updates, batches
from runner.store.batches import Batch
from runner.store.database import Database
from runner.threads import in_thread

_COMPARED = 100
"""The number of first rows that are compared; some of them may have been edited since."""


async def recognise(database: Database, submission: Submission) -> None:
    """Records the input of those batches of earlier releases that are of this one.

    A batch that has its digest and other rows gets another digest, for it is of another sheet or
    format.
    """
    new, content_digest = submission.new_batch(submission.parts[0]), submission.content_digest
    async with database.read() as connection:
        if not await batches.without_source(connection, new, content_digest):
            return
    first = await in_thread(_first_rows, submission)
    async with database.write() as connection:
        for batch in await batches.without_source(connection, new, content_digest):
            has_content = batch.digest.startswith(content_digest)
            rest = batch.digest.removeprefix(content_digest).removeprefix(batches.ASIDE)
            if await _is_of(connection, batch, new.rows, first, same_size=has_content):
                digest = f"{submission.digest}{rest}" if has_content else batch.digest
                await batch_updates.set_source(connection, batch, digest, new.input_json)
            elif has_content:
                aside = f"{content_digest}{batches.ASIDE}{rest}"
                await batch_updates.set_source(connection, batch, aside, "")


def _first_rows(submission: Submission) -> list[str]:
    return list(islice(submission.rows(), _COMPARED))


async def _is_of(
    connection: AsyncConnection, batch: Batch, rows: int, first: list[str], *, same_size: bool
) -> bool:
    """Whether a batch has the rows of an input, whose first ones are given.

    A batch of several files has more rows than one of them, and is not of that one.
    """
    if batch.rows > rows or (same_size and batch.rows != rows):
        return False
    queued = await batch_rows.first_bodies(connection, batch, len(first))
    equal = sum(old == new for old, new in zip(queued, first, strict=False))
    return equal * 2 >= len(queued)
