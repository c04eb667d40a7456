"""Feeds the rows of a batch that have succeeded or failed since the last read.

Rows are read from the database, so they may have ended in this run, in an earlier one, or in
another process. The feed uses one byte of memory a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.results.rows import PAGE, Reading, RowReader, RowResult
from runner.store import batch_rows
from runner.store.batches import Batch

BLOCK = 500


class ResultFeed:
    """Returns every row that has ended, once.

    Rows end roughly in their order, but a few may take until tomorrow. So the feed searches in
    blocks, and skips those of which it has returned all rows: a read costs the same at ten rows
    and at a million.

    Args:
        reading: Opens a short-lived read connection to the database.
        parts: The batch itself, followed by its parts.
    """

    def __init__(self, reading: Reading, parts: Sequence[Batch]) -> None:
        self._reading = reading
        self._reader = RowReader.of(parts)
        self._rows = parts[0].rows
        self._returned = bytearray(self._rows)
        starts = range(0, self._rows, BLOCK)
        self._left = [min(BLOCK, self._rows - start) for start in starts]

    async def next_page(self) -> list[RowResult]:
        """Returns rows that have ended and were not returned before, at most a page of them."""
        async with self._reading() as connection:
            for first, last in self._spans():
                if rows := await self._fresh(connection, first, last):
                    results = await self._read(connection, rows)
                    self._mark(rows)
                    return results
        return []

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Yields the first and last row of each range of blocks with rows to return."""
        start = None
        for block, left in enumerate((*self._left, 0)):
            if left and start is None:
                start = block * BLOCK
            elif not left and start is not None:
                yield start, min(block * BLOCK, self._rows) - 1
                start = None

    async def _fresh(self, connection: AsyncConnection, first: int, last: int) -> list[int]:
        """Returns the next rows from `first` to `last` that have ended and were not returned."""
        while first <= last:
            ended, first = await self._ended(connection, first, last)
            if fresh := [row for row in ended if not self._returned[row]]:
                return fresh
        return []

    async def _ended(
        self, connection: AsyncConnection, first: int, last: int
    ) -> tuple[list[int], int]:
        """Returns rows of which every vote has ended, and the row at which to continue."""
        *others, lead = self._reader.voters
        rows = await _ended(connection, lead, first, last, PAGE)
        after = rows[-1] + 1 if len(rows) == PAGE else last + 1
        for part in others:
            if rows:
                span = rows[-1] - rows[0] + 1
                also = set(await _ended(connection, part, rows[0], rows[-1], span))
                rows = [row for row in rows if row in also]
        return rows, after

    async def _read(self, connection: AsyncConnection, rows: Iterable[int]) -> list[RowResult]:
        results: list[RowResult] = []
        for start, size in _runs(rows):
            results += await self._reader.page(connection, start, size)
        return results

    def _mark(self, rows: Iterable[int]) -> None:
        for row in rows:
            self._returned[row] = 1
            self._left[row // BLOCK] -= 1


async def _ended(
    connection: AsyncConnection, part: Batch, first: int, last: int, most: int
) -> list[int]:
    """Returns the rows whose jobs in `part` have ended; such a part has a job for every row."""
    zero = part.first_job
    return [
        job - zero for job in await batch_rows.ended(connection, zero + first, zero + last, most)
    ]


def _runs(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yields the first number and the length of each run of consecutive numbers."""
    start = size = 0
    for row in rows:
        if size and row == start + size:
            size += 1
        else:
            if size:
                yield start, size
            start, size = row, 1
    if size:
        yield start, size
