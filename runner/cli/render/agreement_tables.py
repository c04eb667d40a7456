"""How far answers agree, as tables that fit eighty columns.

core/agreement.py has counted what they show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runner.cli.render.layout import facts, table
from runner.core.agreement import Accuracy, Agreement, Pair
from runner.wording import fmt

if TYPE_CHECKING:
    from runner.app.quality import Quality

# So many labels across fit eighty columns; of more, the commonest confusions are listed.
WIDEST = 6
COMMONEST = 10
LONGEST_NAME = 20
LONGEST_LABEL = 30
BAR_WIDTH = 24
UNDEFINED = "not defined"


def quality(found: Quality, go_on: str) -> Iterator[RenderableType]:
    """How good the answers of a batch are; nothing of what cannot be compared.

    `go_on` is the command that shows the rows that a person should look at.
    """
    if found.labels:
        yield from (Text(), labels(found.labels))
    if found.agreement is not None:
        yield from (Text(), agreement(found.agreement))
    if found.check is not None:
        same = fmt.percent(found.check.agreed, found.check.rows) if found.check.rows else "none"
        told = f"{same} of {fmt.count(found.check.rows, 'row')} had the same answer asked alone"
        yield from (Text(), facts([("packing", told)]))
    if found.to_review or found.reviewed:
        yield from (Text(), facts(_reviews(found, go_on)))
    if found.people is not None and found.people.rows:
        yield from (Text(), _confusion(found.people, "Person"))


def labels(found: Sequence[tuple[str, int]]) -> Table:
    """A bar an answer."""
    made = table("Answer", "", "Rows", "Share", right=("Rows", "Share"))
    rows = sum(number for _, number in found) or 1
    most = max(number for _, number in found) or 1
    for answer, number in found:
        bar = ProgressBar(total=most, completed=number, width=BAR_WIDTH)
        name = Text(fmt.shortened(answer, LONGEST_LABEL))
        made.add_row(name, bar, fmt.number(number), fmt.percent(number, rows))
    return made


def _reviews(found: Quality, go_on: str) -> list[tuple[str, str]]:
    told = []
    if found.to_review:
        told.append(("to review", f"{fmt.count(found.to_review, 'row')}: {go_on}"))
    if found.reviewed:
        rows = sum(number for _, number in found.reviewed)
        names = fmt.listed([name for name, _ in found.reviewed])
        told.append(("reviewed", f"{fmt.count(rows, 'row')} by {names}"))
    if found.people is not None:
        right = f"{_accuracy(found.people)} of the rows that people have looked at"
        told.append(("models", right))
    return told


def agreement(found: Agreement) -> RenderableType:
    """Agreement of each pair of raters, of all raters, and of the votes with the right answers."""
    parts: list[RenderableType] = []
    if found.pairs:
        parts += [_pairs(found.pairs), Text()]
    parts.append(facts(_facts(found)))
    accuracy = found.accuracy
    if accuracy is not None and accuracy.rows:
        parts += [Text(), _confusion(accuracy, "Right")]
    return Group(*parts)


def _confusion(found: Accuracy, right: str) -> Table:
    """How often what is right was given, or what instead."""
    small = len(found.labels) <= WIDEST
    return _square(found, right) if small else _commonest(found, right)


def _facts(found: Agreement) -> list[tuple[str, str]]:
    told = [("rows", fmt.number(found.rows))]
    if found.pairs:
        over = f" over {fmt.count(found.fleiss_rows, 'row')} with two answers or more"
        told.append(("Fleiss' kappa", f"{_kappa(found.fleiss)}{over}"))
    if found.accuracy is not None:
        told.append(("accuracy", _accuracy(found.accuracy)))
    return told


def _accuracy(found: Accuracy) -> str:
    missing = f"; {fmt.number(found.missing)} without an answer" if found.missing else ""
    if found.share is None:
        return f"no row has an answer{missing}"
    return f"{100 * found.share:.1f} % ({fmt.out_of(found.correct, found.rows)} right{missing})"


def _kappa(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3f}"


def _pairs(pairs: Sequence[Pair]) -> Table:
    numbers = ("Rows", "Agree", "Cohen's kappa")
    made = table("First", "Second", *numbers, right=numbers)
    for pair in pairs:
        agree = fmt.percent(pair.agreed, pair.rows) if pair.rows else ""
        kappa = _kappa(pair.kappa)
        made.add_row(Text(pair.first), Text(pair.second), fmt.number(pair.rows), agree, kappa)
    return made


def _square(found: Accuracy, title: str) -> Table:
    """The confusion matrix: a line for each right answer, a column for each that was given."""
    short = {label: fmt.shortened(label, 80 // (WIDEST + 2)) for label in found.labels}
    made = table(f"{title} \\ given")
    for label in found.labels:
        made.add_column(Text(short[label]), justify="right", no_wrap=True)
    for right in found.labels:
        cells = [_cell(found, right, given) for given in found.labels]
        made.add_row(Text(fmt.shortened(right, LONGEST_NAME)), *cells)
    return made


def _cell(found: Accuracy, right: str, given: str) -> Text:
    count = found.confusion.get((right, given), 0)
    style = "dim" if not count else "green" if right == given else "red"
    return Text(fmt.number(count), style)


def _commonest(found: Accuracy, title: str) -> Table:
    wrong = Counter({pair: n for pair, n in found.confusion.items() if pair[0] != pair[1]})
    made = table(title, "Given instead", "Rows", right=("Rows",))
    for (right, given), count in wrong.most_common(COMMONEST):
        made.add_row(Text(right), Text(given), fmt.number(count))
    return made
