"""Compares the answers of two batches to the same rows, for example after a prompt was changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import zip_longest

from runner.app.results.rows import PAGE, Reading, RowReader, RowResult
from runner.store.batches import Batch

MOST_EXAMPLES = 20
_KEY_BYTES = 12


@dataclass(frozen=True, slots=True)
class Change:
    """A row whose answers differ; `number` is its row number in the second batch."""

    number: int
    row: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The comparison of two batches, row by row.

    Attributes:
        first: The earlier batch.
        second: The later one.
        same: Rows with the same answer in both.
        changes: The number of rows by pair of answers (first batch, second batch); None is a row
            without an answer.
        examples: The first rows with different answers.
        only_first: Rows that only the first has.
        only_second: Rows that only the second has.
    """

    first: Batch
    second: Batch
    same: int
    changes: Counter[tuple[str | None, str | None]]
    examples: tuple[Change, ...]
    only_first: int
    only_second: int

    @property
    def changed(self) -> int:
        """The number of rows with different answers."""
        return sum(self.changes.values())


async def difference(
    reading: Reading, first: Sequence[Batch], second: Sequence[Batch]
) -> Difference:
    """Compares two batches, each given with its parts.

    Rows are paired by their contents. Memory stays constant while equal rows have equal numbers.
    """
    pairing = _Pairing()
    before, after = RowReader.of(first), RowReader.of(second)
    for start in range(0, max(first[0].rows_loaded, second[0].rows_loaded), PAGE):
        async with reading() as connection:
            old = await before.page(connection, start)
            new = await after.page(connection, start)
        for old_row, new_row in zip_longest(old, new):
            pairing.add(old_row, new_row)
    return pairing.result(first[0], second[0])


@dataclass(slots=True)
class _Pairing:
    """Pairs rows of two batches.

    Rows that differ at the same number are kept, and paired at the end.
    """

    changes: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    examples: list[Change] = field(default_factory=list)
    same: int = 0
    early: dict[bytes, list[str | None]] = field(default_factory=dict)
    late: list[tuple[bytes, RowResult]] = field(default_factory=list)

    def add(self, old: RowResult | None, new: RowResult | None) -> None:
        """Pairs the rows at one number if their contents are equal."""
        if old and new and old.first.payload == new.first.payload:
            self._compare(old.answer, new)
            return
        if old:
            self.early.setdefault(_key(old), []).append(old.answer)
        if new:
            self.late.append((_key(new), new))

    def result(self, first: Batch, second: Batch) -> Difference:
        """Pairs the remaining rows regardless of their numbers, and returns the comparison."""
        unpaired = 0
        for key, row in self.late:
            if waiting := self.early.get(key):
                self._compare(waiting.pop(0), row)
            else:
                unpaired += 1
        examples = sorted(self.examples, key=lambda change: change.number)[:MOST_EXAMPLES]
        left = sum(map(len, self.early.values()))
        return Difference(first, second, self.same, self.changes, tuple(examples), left, unpaired)

    def _compare(self, before: str | None, row: RowResult) -> None:
        if before == row.answer:
            self.same += 1
            return
        self.changes[before, row.answer] += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(Change(row.number, row.first.payload, before, row.answer))


def _key(row: RowResult) -> bytes:
    return blake2b(
        row.first.payload.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES
    ).digest()
