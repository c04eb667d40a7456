"""Compares the answers of two batches to the same rows, for example after a prompt was changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import zip_longest
from operator import itemgetter

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

    Rows are paired by their contents. Memory stays constant while equal rows have equal numbers;
    for any other row it grows by the answer and a digest.
    """
    pairing = Pairing()
    before, after = RowReader.of(first), RowReader.of(second)
    for start in range(0, max(first[0].rows_loaded, second[0].rows_loaded), PAGE):
        async with reading() as connection:
            old = await before.page(connection, start)
            new = await after.page(connection, start)
        for old_row, new_row in zip_longest(old, new):
            pairing.add(old_row, new_row)
    pairing.pair_rest()
    examples = []
    for number, old_answer, new_answer in sorted(pairing.examples, key=itemgetter(0)):
        async with reading() as connection:
            [row] = await after.page(connection, number - 1, 1)
        examples.append(Change(number, row.first.payload, old_answer, new_answer))
    return Difference(
        first[0],
        second[0],
        pairing.same,
        pairing.changes,
        tuple(examples),
        pairing.only_first,
        pairing.only_second,
    )


@dataclass(slots=True)
class Pairing:
    """Pairs rows of two batches.

    The answers to rows that differ at the same number are kept, and paired at the end.

    Attributes:
        changes: As in `Difference`.
        examples: The number in the second batch and both answers of some changes.
        same: As in `Difference`.
        early: The answers of the first batch that are not paired yet, by the digest of the row.
        late: The digest, the number and the answer of rows of the second batch not paired yet.
        only_second: As in `Difference`.
    """

    changes: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    examples: list[tuple[int, str | None, str | None]] = field(default_factory=list)
    same: int = 0
    early: dict[bytes, list[str | None]] = field(default_factory=dict)
    late: list[tuple[bytes, int, str | None]] = field(default_factory=list)
    only_second: int = 0

    def add(self, old: RowResult | None, new: RowResult | None) -> None:
        """Pairs the rows at one number if their contents are equal."""
        if old and new and old.first.payload == new.first.payload:
            self._compare(new.number, old.answer, new.answer)
            return
        if old:
            self.early.setdefault(_key(old), []).append(old.answer)
        if new:
            self.late.append((_key(new), new.number, new.answer))

    def pair_rest(self) -> None:
        """Pairs the remaining rows regardless of their numbers."""
        for key, number, after in self.late:
            if waiting := self.early.get(key):
                self._compare(number, waiting.pop(0), after)
            else:
                self.only_second += 1
        self.late.clear()

    @property
    def only_first(self) -> int:
        """The rows of the first batch that are not paired."""
        return sum(map(len, self.early.values()))

    def _compare(self, number: int, before: str | None, after: str | None) -> None:
        if before == after:
            self.same += 1
            return
        self.changes[before, after] += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append((number, before, after))


def _key(row: RowResult) -> bytes:
    return blake2b(
        row.first.payload.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES
    ).digest()
