"""Counts rows by answer, if there are few distinct answers: labels, grades, short texts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import orjson

from runner.app.results.rows import Reading
from runner.jobfile import AnswerSpec
from runner.store import batch_rows
from runner.store.batches import Batch

MOST_LABELS = 20
"""With more distinct answers, they are not labels, unless the job file lists them."""
_MOST_COUNTED = 2_000
_LONGEST = 100_000  # characters in the JSON list of all labels


@dataclass(slots=True)
class LabelCounts:
    """Counts answers; every label of a row with several labels counts."""

    spec: AnswerSpec
    _counts: Counter[str] = field(default_factory=Counter)
    _too_many: bool = False

    def add(self, answer: str | None, number: int = 1) -> None:
        """Adds `number`, which may be negative, to the count of an answer."""
        for label in self._labels(answer):
            self._counts[label] += number
        if len(self._counts) > _MOST_COUNTED or not self._is_short(answer):
            self.give_up()

    def give_up(self) -> None:
        """Stops counting, because the answers are not labels."""
        self._too_many = True
        self._counts.clear()

    def replace(self, old: str | None, new: str) -> None:
        """Moves one row from the count of `old` to that of `new`."""
        self.add(old, -1)
        self.add(new)

    def listed(self) -> tuple[tuple[str, int], ...]:
        """Returns the answers with their counts: numbers in order, labels by falling frequency.

        Empty if the answers are not labels.
        """
        if self._too_many:
            return ()
        counts = dict.fromkeys(self.spec.labels, 0)
        counts |= {label: number for label, number in self._counts.items() if number > 0}
        if not self.spec.labels and not 1 < len(counts) <= MOST_LABELS:
            return ()
        if self.spec.kind == "number":
            return tuple(sorted(counts.items(), key=lambda pair: float(pair[0])))
        return tuple(Counter(counts).most_common())

    def _labels(self, answer: str | None) -> list[str]:
        if answer is None or self._too_many:
            return []
        return orjson.loads(answer) if self.spec.kind == "labels" else [answer]

    def _is_short(self, answer: str | None) -> bool:
        return answer is None or bool(self.spec.labels) or len(answer) <= batch_rows.LONGEST_LABEL


async def count_stored(reading: Reading, batch: Batch, counts: LabelCounts) -> None:
    """Counts the models' stored answers of a batch without votes."""
    longest = _LONGEST if counts.spec.labels else batch_rows.LONGEST_LABEL
    async with reading() as connection:
        answers = await batch_rows.common_answers(
            connection, batch.first_job, batch.last_job, _MOST_COUNTED + 1, longest
        )
    for answer, number in answers:
        counts.add(answer, number)
    if sum(number for _, number in answers) < batch.counts.succeeded:
        counts.give_up()  # some answers are too long, or there are too many
