"""Which rows of a dataset are meant: those that fulfil conditions, a sample, the first few.

It knows nothing of files. The same selection picks the same rows of the same dataset, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

import orjson

from runner.errors import ConfigError
from runner.files.condition import Condition

_ALL_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """So many rows, or so many of a hundred."""

    number: float
    percent: bool

    def of(self, matched: int) -> int:
        """Return how many of `matched` rows these are; of one or more, at least 1."""
        wanted = round(matched * self.number / 100) if self.percent else int(self.number)
        return min(matched, max(1, wanted))


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that fulfil every condition; of these a sample; of this the first `limit`."""

    where: tuple[Condition, ...] = ()
    sample: Sample | None = None
    limit: int | None = None

    def __bool__(self) -> bool:
        return self != ALL

    @property
    def spelled(self) -> bytes:
        """One text for each different selection, to be hashed."""
        conditions = [(c.column, c.operator, c.values, c.quoted) for c in self.where]
        sample = (self.sample.number, self.sample.percent) if self.sample else None
        return orjson.dumps((conditions, sample, self.limit))

    def size(self, matched: int) -> int:
        """Return how many rows are meant, when `matched` fulfil the conditions."""
        sampled = self.sample.of(matched) if self.sample else matched
        return sampled if self.limit is None else min(sampled, self.limit)

    def matching(self, rows: Iterable[str]) -> Iterator[str]:
        """Yield the rows, each the text of a JSON object, that fulfil the conditions."""
        for row in rows:
            if not self.where or self._holds(row):
                yield row

    def choose(self, rows: Iterable[str], matched: int) -> Iterator[str]:
        """Yield the rows that are meant, in their order; `matched` fulfil the conditions."""
        found = self.matching(rows)
        if self.sample:
            found = _sampled(found, matched, self.sample.of(matched))
        return islice(found, self.limit)

    def _holds(self, row: str) -> bool:
        values = orjson.loads(row)
        return all(condition.holds(values) for condition in self.where)


ALL = Selection()
"""Every row."""


def read_selection(where: Sequence[str], sample: str | None, limit: int | None) -> Selection:
    """Read the texts of `--where`, `--sample` and `--limit`.

    Raises:
        ConfigError: one of them says nothing that is known.
    """
    conditions = tuple(map(Condition.read, where))
    return Selection(conditions, _read_sample(sample) if sample else None, limit)


def _read_sample(text: str) -> Sample:
    try:
        if text.endswith("%") and 0 < (percent := float(text[:-1])) <= _ALL_PERCENT:
            return Sample(percent, percent=True)
        if (count := int(text)) > 0:
            return Sample(count, percent=False)
    except ValueError:
        pass
    remedy = "write how many rows, as in --sample 100, or what share of them, as in --sample 2%"
    raise ConfigError(f"{text!r} is no sample", where="--sample", remedy=remedy)


def _sampled(rows: Iterable[str], there: int, wanted: int) -> Iterator[str]:
    """Yield `wanted` of `there` rows in order (Knuth, Seminumerical Algorithms, 3.4.2 S)."""
    draw = Random(0).random  # noqa: S311 - the same rows each time, by intent
    for row in rows:
        if draw() * there < wanted:
            yield row
            wanted -= 1
        there -= 1
