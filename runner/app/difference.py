"""How the answers of two batches to the same rows differ: after a new prompt, or another model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import zip_longest

from runner.app.rows import PAGE, Reading, RowReader, RowResult
from runner.store.batches import Batch

MOST_EXAMPLES = 20
_KEY_BYTES = 12


@dataclass(frozen=True, slots=True)
class Change:
    """A row whose answers differ; `number` is its number in the second batch."""

    number: int
    row: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two batches, compared row by row.

    Attributes:
        first: The earlier batch.
        second: The later one.
        same: Rows with the same answer in both.
        changes: By the answers of the first and the second, how many rows have these; None stands
            for no answer.
        examples: The first rows that have changed.
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
        """How many rows have another answer."""
        return sum(self.changes.values())


async def difference(
    reading: Reading, first: Sequence[Batch], second: Sequence[Batch]
) -> Difference:
    """Compare two batches, each given with its parts.

    Rows are paired by their contents. As long as they stand at the same numbers, memory stays flat.
    """
    pairing = _Pairing()
    before, after = RowReader.of(first), RowReader.of(second)
    for start in range(0, max(first[0].rows_loaded, second[0].rows_loaded), PAGE):
        async with reading() as connection:
            old = await before.page(connection, start)
            new = await after.page(connection, start)
        for one, two in zip_longest(old, new):
            pairing.add(one, two)
    return pairing.result(first[0], second[0])


@dataclass(slots=True)
class _Pairing:
    """Pairs rows of two batches; those that have no like at their number are kept until the end."""

    changes: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    examples: list[Change] = field(default_factory=list)
    same: int = 0
    early: dict[bytes, list[str | None]] = field(default_factory=dict)
    late: list[tuple[bytes, RowResult]] = field(default_factory=list)

    def add(self, one: RowResult | None, two: RowResult | None) -> None:
        """Pair the rows at one number, if they are alike."""
        if one and two and one.first.payload == two.first.payload:
            self._compare(one.answer, two)
            return
        if one:
            self.early.setdefault(_key(one), []).append(one.answer)
        if two:
            self.late.append((_key(two), two))

    def result(self, first: Batch, second: Batch) -> Difference:
        """Pair what is left, wherever it stands."""
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
