"""How far several answers to the same rows agree, with each other and with what is known right.

It knows labels and counts, and not who gave them or where they are kept. A tally is fed row by
row: what it remembers is a count for each pair of labels, however many rows there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

Labels = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vote:
    """What the answers to one row come to.

    Attributes:
        value: The answer of most; of several with as many, the one given first. None: no answer.
        share: The part of the answers that are this one, from 0 to 1.
        review: Whether a person should look: a tie, too small a share, or no answer at all.
    """

    value: str | None
    share: float
    review: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two raters, over the rows that both have answered; `kappa` None: it is not defined."""

    first: str
    second: str
    rows: int
    agreed: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The votes against the right answers.

    Attributes:
        rows: Rows with a right answer and a vote.
        correct: Those of them whose vote is right.
        missing: Rows with a right answer, and no vote.
        confusion: How often what was right, by (right answer, vote).
    """

    rows: int
    correct: int
    missing: int
    confusion: Mapping[Labels, int]

    @property
    def share(self) -> float | None:
        """The part that is right, from 0 to 1; None without rows."""
        return self.correct / self.rows if self.rows else None

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that is right or was voted for somewhere, in order."""
        return tuple(sorted({label for pair in self.confusion for label in pair}))


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a tally comes to.

    Attributes:
        rows: Rows that were rated.
        pairs: Every two raters.
        fleiss: The kappa over all raters; None: it is not defined.
        fleiss_rows: The rows that it is of.
        accuracy: None where no right answer is known.
    """

    rows: int
    pairs: tuple[Pair, ...]
    fleiss: float | None
    fleiss_rows: int
    accuracy: Accuracy | None


@dataclass(slots=True)
class _Shared:
    """The rows of one number of ratings: how many, and how many ordered pairs in them agree."""

    rows: int = 0
    agreed: int = 0


@dataclass(slots=True)
class Fleiss:
    """Kappa for any number of raters: how much oftener than by chance two ratings of a row agree.

    Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological
    Bulletin 76(5), 378-382: ``kappa = (P - Pe) / (1 - Pe)``, P the mean over rows of the part of
    ordered pairs of ratings that agree, ``sum n_j (n_j - 1) / (n (n - 1))``, and Pe the sum of the
    squares of each label's share in all ratings.

    Where ratings are missing, each row counts with the n that it has, and all rows weigh the same;
    a row with fewer than two ratings tells nothing and is left out altogether.
    """

    _by_size: dict[int, _Shared] = field(default_factory=dict)
    _labels: Counter[str] = field(default_factory=Counter)

    def add(self, ratings: Sequence[str | None]) -> None:
        """Take note of a row; None is a missing rating."""
        given = [rating for rating in ratings if rating is not None]
        if len(given) < 2:  # noqa: PLR2004 - a pair
            return
        counts = Counter(given)
        shared = self._by_size.setdefault(len(given), _Shared())
        shared.rows += 1
        shared.agreed += sum(n * (n - 1) for n in counts.values())
        self._labels.update(counts)

    @property
    def rows(self) -> int:
        """The rows with at least two ratings."""
        return sum(shared.rows for shared in self._by_size.values())

    @property
    def kappa(self) -> float | None:
        """1: all agree; 0: as by chance. None without rows, or with one label only: 0 / 0."""
        if len(self._labels) < 2:  # noqa: PLR2004 - chance alone would agree always
            return None
        sums = (self._by_size[n].agreed / (n * (n - 1)) for n in sorted(self._by_size))
        expected = sum(n * n for n in self._labels.values()) / self._labels.total() ** 2
        return _beyond_chance(sum(sums) / self.rows, expected)


def cohen(table: Mapping[Labels, int]) -> float | None:
    """Kappa for two raters: how much oftener than by chance they agree.

    Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological
    Measurement 20(1), 37-46: ``kappa = (po - pe) / (1 - pe)``, po the part of rows that agree, pe
    the sum over labels of the product of both raters' shares.

    Args:
        table: How often each pair of labels was given by the first and the second rater.

    Returns:
        1: all agree; 0: as by chance. None without rows, or with one label only: 0 / 0.
    """
    rows = sum(table.values())
    first, second = Counter[str](), Counter[str]()
    for (one, other), count in table.items():
        first[one] += count
        second[other] += count
    if len({label for pair, count in table.items() if count for label in pair}) < 2:  # noqa: PLR2004
        return None
    expected = sum(first[label] * second[label] for label in first) / rows**2
    return _beyond_chance(_agreed(table) / rows, expected)


def vote(answers: Sequence[str | None], least: float = 0.0) -> Vote:
    """The majority of the answers to one row; None is a missing one, and no vote.

    Args:
        answers: One of each rater.
        least: The smallest share that needs no review.
    """
    given = [answer for answer in answers if answer is not None]
    if not given:
        return Vote(None, 0.0, review=True)
    if given.count(given[0]) == len(given):
        return Vote(given[0], 1.0, review=False)
    (value, count), *others = Counter(given).most_common(2)
    share = count / len(given)
    tied = any(votes == count for _, votes in others)
    return Vote(value, share, review=tied or share < least)


@dataclass(slots=True)
class Comparison:
    """Answers compared with what is right, row by row."""

    _confusion: Counter[Labels] = field(default_factory=Counter)
    _missing: int = 0

    def add(self, right: str, answer: str | None) -> None:
        """Take note of a row; None: it has no answer."""
        if answer is None:
            self._missing += 1
        else:
            self._confusion[right, answer] += 1

    def accuracy(self) -> Accuracy | None:
        """What the rows so far come to; None without rows."""
        if not self._confusion and not self._missing:
            return None
        confusion = dict(sorted(self._confusion.items()))
        return Accuracy(self._confusion.total(), _agreed(self._confusion), self._missing, confusion)


class Tally:
    """All of it in one pass over the rows."""

    def __init__(self, raters: Sequence[str]) -> None:
        """`raters`: their names, in the order of each row's ratings."""
        self._raters = tuple(raters)
        self._rows = 0
        self._fleiss = Fleiss()
        self._tables = [Counter[Labels]() for _ in combinations(self._raters, 2)]
        self._gold = Comparison()

    def add(self, ratings: Sequence[str | None], gold: str | None = None) -> Vote:
        """Take note of a row, None being a missing rating; what it comes to."""
        found = vote(ratings)
        self._rows += 1
        self._fleiss.add(ratings)
        for table, (one, other) in zip(self._tables, combinations(ratings, 2), strict=True):
            if one is not None and other is not None:
                table[one, other] += 1
        if gold is not None:
            self._gold.add(gold, found.value)
        return found

    def agreement(self) -> Agreement:
        """What the rows so far come to."""
        names = combinations(self._raters, 2)
        return Agreement(
            rows=self._rows,
            pairs=tuple(
                Pair(first, second, table.total(), _agreed(table), cohen(table))
                for (first, second), table in zip(names, self._tables, strict=True)
            ),
            fleiss=self._fleiss.kappa,
            fleiss_rows=self._fleiss.rows,
            accuracy=self._gold.accuracy(),
        )


def _agreed(table: Mapping[Labels, int]) -> int:
    return sum(count for (one, other), count in table.items() if one == other)


def _beyond_chance(observed: float, expected: float) -> float:
    return (observed - expected) / (1 - expected)
