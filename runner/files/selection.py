"""Selects rows of a dataset by conditions, a random sample, and a limit.

The selection is repeatable: it always picks the same rows of the same dataset.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

import orjson

from runner import exact_json
from runner.errors import ConfigError
from runner.files.condition import Condition
from runner.language import _

_ALL_PERCENT = 100
_MOST_ROWS = 2**53  # a float holds every whole number up to here, exactly


@dataclass(frozen=True, slots=True)
class Sample:
    """The size of a sample: a number of rows, or a percentage."""

    number: float
    percent: bool

    def __str__(self) -> str:
        """Returns the value of ``--sample``."""
        number = int(self.number) if self.number == int(self.number) else self.number
        return f"{number}%" if self.percent else str(number)

    def of(self, matched: int) -> int:
        """Returns the size of the sample of `matched` rows; at least 1 unless there are none."""
        size = round(matched * self.number / 100) if self.percent else int(self.number)
        return min(matched, max(1, size))


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters rows by every condition, then samples the rest, then keeps the first `limit` rows."""

    where: tuple[Condition, ...] = ()
    sample: Sample | None = None
    limit: int | None = None

    def __bool__(self) -> bool:
        return self != ALL

    @property
    def canonical(self) -> bytes:
        """The bytes that a hash of the selection covers; they differ for different selections."""
        conditions = [condition.canonical for condition in self.where]
        sample = (self.sample.number, self.sample.percent) if self.sample else None
        return orjson.dumps((conditions, sample, self.limit))

    def to_argv(self) -> list[str]:
        """Returns the options that select the same rows."""
        words = [word for condition in self.where for word in ("--where", str(condition))]
        if self.sample:
            words += ["--sample", str(self.sample)]
        if self.limit is not None:
            words += ["--limit", str(self.limit)]
        return words

    def __str__(self) -> str:
        """Returns the options, as in ``--where 'stars >= 4' --limit 20``; empty for every row."""
        return shlex.join(self.to_argv())

    def count(self, matched: int) -> int:
        """Returns the number of selected rows when `matched` rows meet the conditions."""
        sampled = self.sample.of(matched) if self.sample else matched
        return sampled if self.limit is None else min(sampled, self.limit)

    def matching(self, rows: Iterable[str]) -> Iterator[str]:
        """Yields the rows, given as JSON text, that meet the conditions."""
        for row in rows:
            if not self.where or self._matches(row):
                yield row

    def choose(self, rows: Iterable[str], matched: int) -> Iterator[str]:
        """Yields the selected rows in their order; `matched` of `rows` meet the conditions."""
        selected = self.matching(rows)
        if self.sample:
            selected = _sampled(selected, matched, self.sample.of(matched))
        return islice(selected, self.limit)

    def _matches(self, row: str) -> bool:
        values = exact_json.loads(row)
        return all(condition.matches(values) for condition in self.where)


ALL = Selection()
"""Every row."""


def parse_selection(where: Sequence[str], sample: str | None, limit: int | None) -> Selection:
    """Parses the values of `--where`, `--sample` and `--limit`.

    Raises:
        ConfigError: A condition, the sample size or the limit is invalid.
    """
    if limit is not None and limit > _MOST_ROWS:
        raise _too_many("--limit")
    conditions = tuple(map(Condition.parse, where))
    return Selection(conditions, _parse_sample(sample) if sample else None, limit)


def _parse_sample(text: str) -> Sample:
    try:
        if text.endswith("%") and 0 < (percent := float(text[:-1])) <= _ALL_PERCENT:
            return Sample(percent, percent=True)
        if (count := int(text)) > _MOST_ROWS:
            raise _too_many("--sample")
        if count > 0:
            return Sample(count, percent=False)
    except ValueError:
        pass
    remedy = _("write a number of rows, as in --sample 100, or a percentage, as in --sample 2%")
    raise ConfigError(
        _("{text!r} is not a sample size").format(text=text), where="--sample", remedy=remedy
    )


def _too_many(option: str) -> ConfigError:
    what = _("a dataset has at most {most:,} rows").format(most=_MOST_ROWS)
    return ConfigError(what, where=option, remedy=_("leave it out to use every row"))


def _sampled(rows: Iterable[str], remaining: int, wanted: int) -> Iterator[str]:
    """Yields a random sample of `wanted` of the `remaining` rows, in order.

    Source: Knuth, Seminumerical Algorithms, section 3.4.2, algorithm S (selection sampling).
    """
    draw = Random(0).random  # noqa: S311 - a fixed seed, so that the sample is repeatable
    for row in rows:
        if draw() * remaining < wanted:
            yield row
            wanted -= 1
            if not wanted:
                return
        remaining -= 1
