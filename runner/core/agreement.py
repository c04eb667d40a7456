"""Inter-rater agreement: votes, Cohen's and Fleiss' kappa, and accuracy against gold labels.

A tally is fed row by row. It keeps one count for each pair of labels, so its size does not depend
on the number of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

Labels = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vote:
    """The majority of the answers to one row.

    Attributes:
        value: The most frequent answer; of a tie, the one given first. None if there is no answer.
        share: The part of the answers that equal `value`, from 0 to 1.
        review: Whether a person should look at the row: there is a tie or too small a share.
    """

    value: str | None
    share: float
    review: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """The agreement of two raters on the rows that both answered; `kappa` None if undefined."""

    first: str
    second: str
    rows: int
    agreed: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The votes compared with the gold labels.

    Attributes:
        rows: The number of rows with a gold label and a vote.
        correct: The number of those whose vote is right.
        missing: The number of rows with a gold label but no vote.
        confusion: The confusion matrix: the number of rows by (gold label, vote).
    """

    rows: int
    correct: int
    missing: int
    confusion: Mapping[Labels, int]

    @property
    def share(self) -> float | None:
        """The part of `rows` that is correct, from 0 to 1; None without rows."""
        return self.correct / self.rows if self.rows else None

    @property
    def labels(self) -> tuple[str, ...]:
        """Every gold label and every vote, sorted."""
        return tuple(sorted({label for pair in self.confusion for label in pair}))


@dataclass(frozen=True, slots=True)
class Agreement:
    """The result of a tally.

    Attributes:
        rows: The number of rows.
        pairs: The agreement of every two raters.
        fleiss: Fleiss' kappa over all raters; None if undefined.
        fleiss_rows: The number of rows that `fleiss` covers.
        accuracy: The votes compared with the gold labels; None where no gold label is known.
    """

    rows: int
    pairs: tuple[Pair, ...]
    fleiss: float | None
    fleiss_rows: int
    accuracy: Accuracy | None


@dataclass(slots=True)
class _Shared:
    """The rows with the same number of ratings, and the ordered pairs in them that agree."""

    rows: int = 0
    agreed: int = 0


@dataclass(slots=True)
class Fleiss:
    """Fleiss' kappa: the agreement of any number of raters, corrected for chance.

    Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological
    Bulletin 76(5), 378-382: ``kappa = (P - Pe) / (1 - Pe)``, P the mean over rows of the part of
    ordered pairs of ratings that agree, ``sum n_j (n_j - 1) / (n (n - 1))``, and Pe the sum of the
    squares of each label's share in all ratings.

    Where ratings are missing, each row has its own n, and all rows weigh the same. A row with fewer
    than two ratings is left out.
    """

    _by_size: dict[int, _Shared] = field(default_factory=dict)
    _labels: Counter[str] = field(default_factory=Counter)

    def add(self, ratings: Sequence[str | None]) -> None:
        """Adds the ratings of a row; None is a missing rating."""
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
        """The number of rows with at least two ratings."""
        return sum(shared.rows for shared in self._by_size.values())

    @property
    def kappa(self) -> float | None:
        """Kappa: 1 for full agreement, 0 for chance; None with fewer than two labels (0 / 0)."""
        if len(self._labels) < 2:  # noqa: PLR2004 - the agreement by chance would be 1
            return None
        sums = (self._by_size[n].agreed / (n * (n - 1)) for n in sorted(self._by_size))
        expected = sum(n * n for n in self._labels.values()) / self._labels.total() ** 2
        return _beyond_chance(sum(sums) / self.rows, expected)


def cohen(table: Mapping[Labels, int]) -> float | None:
    """Computes Cohen's kappa: the agreement of two raters, corrected for chance.

    Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological
    Measurement 20(1), 37-46: ``kappa = (po - pe) / (1 - pe)``, po the part of rows that agree, pe
    the sum over labels of the product of both raters' shares.

    Args:
        table: The number of rows by (label of the first rater, label of the second).

    Returns:
        1 for full agreement, 0 for chance; None with fewer than two labels (0 / 0).
    """
    rows = sum(table.values())
    of_first, of_second = Counter[str](), Counter[str]()
    for (first, second), count in table.items():
        of_first[first] += count
        of_second[second] += count
    if len({label for pair, count in table.items() if count for label in pair}) < 2:  # noqa: PLR2004
        return None
    expected = sum(of_first[label] * of_second[label] for label in of_first) / rows**2
    return _beyond_chance(_agreed(table) / rows, expected)


def vote(answers: Sequence[str | None], least: float = 0.0) -> Vote:
    """Returns the majority of the answers to one row.

    Args:
        answers: One from each rater; None if it gave none, which is no vote.
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
    """Compares answers with gold labels, row by row."""

    _confusion: Counter[Labels] = field(default_factory=Counter)
    _missing: int = 0

    def add(self, right: str, answer: str | None) -> None:
        """Adds a row; `answer` None if it has none."""
        if answer is None:
            self._missing += 1
        else:
            self._confusion[right, answer] += 1

    def accuracy(self) -> Accuracy | None:
        """Returns the accuracy over the rows so far; None without rows."""
        if not self._confusion and not self._missing:
            return None
        confusion = dict(sorted(self._confusion.items()))
        return Accuracy(self._confusion.total(), _agreed(self._confusion), self._missing, confusion)


class AnswerTally:
    """Votes, kappas and accuracy in one pass over the rows."""

    def __init__(self, raters: Sequence[str]) -> None:
        """Starts without rows; `raters` are names, in the order of each row's ratings."""
        self._raters = tuple(raters)
        self._rows = 0
        self._fleiss = Fleiss()
        self._tables = [Counter[Labels]() for _ in combinations(self._raters, 2)]
        self._gold = Comparison()

    def add(self, ratings: Sequence[str | None], gold: str | None = None) -> Vote:
        """Adds a row and returns its vote; a rating of None is missing."""
        majority = vote(ratings)
        self._rows += 1
        self._fleiss.add(ratings)
        for table, (first, second) in zip(self._tables, combinations(ratings, 2), strict=True):
            if first is not None and second is not None:
                table[first, second] += 1
        if gold is not None:
            self._gold.add(gold, majority.value)
        return majority

    def agreement(self) -> Agreement:
        """Returns the agreement over the rows so far."""
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
    return sum(count for (first, second), count in table.items() if first == second)


def _beyond_chance(observed: float, expected: float) -> float:
    return (observed - expected) / (1 - expected)
