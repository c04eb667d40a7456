"""How many rows have each answer, where answers are few: labels, grades, short texts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import orjson

from runner.app.rows import Reading
from runner.jobfile import AnswerSpec
from runner.store import stories
from runner.store.batches import Batch

MOST_LABELS = 20
"""With more different answers than this, they are not labels, unless the job file names them."""
_MOST_COUNTED = 2_000
_LONGEST = 100_000  # of the names of all labels, as JSON


@dataclass(slots=True)
class LabelCounts:
    """Counts answers; several labels of one row each count."""

    spec: AnswerSpec
    _counts: Counter[str] = field(default_factory=Counter)
    _too_many: bool = False

    def add(self, answer: str | None, number: int = 1) -> None:
        """Add `number` to the count of an answer; it may be negative."""
        for label in self._labels(answer):
            self._counts[label] += number
        if len(self._counts) > _MOST_COUNTED or not self._is_short(answer):
            self.give_up()

    def give_up(self) -> None:
        """Stop counting: the answers are not labels."""
        self._too_many = True
        self._counts.clear()

    def replace(self, old: str | None, new: str) -> None:
        """Count a row under `new`, and no longer under `old`."""
        self.add(old, -1)
        self.add(new)

    def listed(self) -> tuple[tuple[str, int], ...]:
        """The answers with their counts: numbers in their order, labels the most frequent first."""
        if self._too_many:
            return ()
        found = dict.fromkeys(self.spec.labels, 0)
        found |= {label: number for label, number in self._counts.items() if number > 0}
        if not self.spec.labels and not 1 < len(found) <= MOST_LABELS:
            return ()
        if self.spec.kind == "number":
            return tuple(sorted(found.items(), key=lambda pair: float(pair[0])))
        return tuple(Counter(found).most_common())

    def _labels(self, answer: str | None) -> list[str]:
        if answer is None or self._too_many:
            return []
        return orjson.loads(answer) if self.spec.kind == "labels" else [answer]

    def _is_short(self, answer: str | None) -> bool:
        return answer is None or bool(self.spec.labels) or len(answer) <= stories.LONGEST_LABEL


async def count_stored(reading: Reading, batch: Batch, counts: LabelCounts) -> None:
    """Count the models' answers of a batch without votes."""
    longest = _LONGEST if counts.spec.labels else stories.LONGEST_LABEL
    async with reading() as connection:
        found = await stories.common_answers(
            connection, batch.first_job, batch.last_job, _MOST_COUNTED + 1, longest
        )
    for answer, number in found:
        counts.add(answer, number)
    if sum(number for _, number in found) < batch.counts.succeeded:
        counts.give_up()  # some are long, or too many differ
