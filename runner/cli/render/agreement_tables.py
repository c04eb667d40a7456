"""Tables of agreement and accuracy that fit eighty columns.

The figures are computed by core/agreement.py.
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
from runner.language import _
from runner.wording import fmt

if TYPE_CHECKING:
    from runner.app.reviews.quality import Quality

# The most labels whose matrix fits eighty columns; with more, the commonest errors are listed.
WIDEST = 6
COMMONEST = 10
LONGEST_NAME = 20
LONGEST_LABEL = 30
BAR_WIDTH = 24
UNDEFINED = _("not defined")


def quality(figures: Quality, go_on: str) -> Iterator[RenderableType]:
    """Yields the figures of a batch's quality, as far as there are any.

    `go_on` is the command that shows the rows to review.
    """
    if figures.labels:
        yield from (Text(), labels(figures.labels))
    if figures.agreement is not None:
        yield from (Text(), agreement(figures.agreement))
    if figures.check is not None:
        same = (
            fmt.percent(figures.check.agreed, figures.check.rows)
            if figures.check.rows
            else _("none")
        )
        sentence = _("{same} of {rows} had the same answer asked alone").format(
            same=same, rows=fmt.count(figures.check.rows, "row")
        )
        yield from (Text(), facts([(_("packing"), sentence)]))
    if figures.to_review or figures.reviewed:
        yield from (Text(), facts(_reviews(figures, go_on)))
    if figures.people is not None and figures.people.rows:
        yield from (Text(), _confusion(figures.people, _("Person")))


def labels(counts: Sequence[tuple[str, int]]) -> Table:
    """Returns a table with a bar for each answer."""
    rows, share = _("Rows"), _("Share")
    lines = table(_("Answer"), "", rows, share, right=(rows, share))
    every = sum(number for _label, number in counts) or 1
    most = max(number for _label, number in counts) or 1
    for answer, number in counts:
        bar = ProgressBar(total=most, completed=number, width=BAR_WIDTH)
        name = Text(fmt.shortened(answer, LONGEST_LABEL))
        lines.add_row(name, bar, fmt.number(number), fmt.percent(number, every))
    return lines


def _reviews(figures: Quality, go_on: str) -> list[tuple[str, str]]:
    lines = []
    if figures.to_review:
        lines.append((_("to review"), f"{fmt.count(figures.to_review, 'row')}: {go_on}"))
    if figures.reviewed:
        rows = fmt.count(sum(number for _name, number in figures.reviewed), "row")
        names = fmt.listed([name for name, _number in figures.reviewed])
        lines.append((_("reviewed"), _("{rows} by {names}").format(rows=rows, names=names)))
    if figures.people is not None:
        right = _("{accuracy} of the rows that people have looked at").format(
            accuracy=_accuracy(figures.people)
        )
        lines.append((_("models"), right))
    return lines


def agreement(figures: Agreement) -> RenderableType:
    """Returns the agreement of each pair of raters, of all raters, and with the known answers."""
    parts: list[RenderableType] = []
    if figures.pairs:
        parts += [_pairs(figures.pairs), Text()]
    parts.append(facts(_facts(figures)))
    accuracy = figures.accuracy
    if accuracy is not None and accuracy.rows:
        parts += [Text(), _confusion(accuracy, _("Right"))]
    return Group(*parts)


def _confusion(accuracy: Accuracy, right: str) -> Table:
    """Returns the confusion matrix, or the commonest errors if there are many labels."""
    small = len(accuracy.labels) <= WIDEST
    return _square(accuracy, right) if small else _commonest(accuracy, right)


def _facts(figures: Agreement) -> list[tuple[str, str]]:
    pairs = [(_("rows"), fmt.number(figures.rows))]
    if figures.pairs:
        over = _(" over {rows} with two answers or more").format(
            rows=fmt.count(figures.fleiss_rows, "row")
        )
        pairs.append((_("Fleiss' kappa"), f"{_kappa(figures.fleiss)}{over}"))
    if figures.accuracy is not None:
        pairs.append((_("accuracy"), _accuracy(figures.accuracy)))
    return pairs


def _accuracy(accuracy: Accuracy) -> str:
    missing = (
        _("; {missing} without an answer").format(missing=fmt.number(accuracy.missing))
        if accuracy.missing
        else ""
    )
    if accuracy.share is None:
        return _("no row has an answer{missing}").format(missing=missing)
    return _("{share:.1f} % ({correct} right{missing})").format(
        share=100 * accuracy.share,
        correct=fmt.out_of(accuracy.correct, accuracy.rows),
        missing=missing,
    )


def _kappa(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3f}"


def _pairs(pairs: Sequence[Pair]) -> Table:
    numbers = (_("Rows"), _("Agree"), _("Cohen's kappa"))
    lines = table(_("First"), _("Second"), *numbers, right=numbers)
    for pair in pairs:
        agree = fmt.percent(pair.agreed, pair.rows) if pair.rows else ""
        kappa = _kappa(pair.kappa)
        lines.add_row(Text(pair.first), Text(pair.second), fmt.number(pair.rows), agree, kappa)
    return lines


def _square(accuracy: Accuracy, title: str) -> Table:
    """Returns the confusion matrix: a line for each right answer, a column for each given one."""
    short = {label: fmt.shortened(label, 80 // (WIDEST + 2)) for label in accuracy.labels}
    matrix = table(_("{right} \\ given").format(right=title))
    for label in accuracy.labels:
        matrix.add_column(Text(short[label]), justify="right", no_wrap=True)
    for right in accuracy.labels:
        cells = [_cell(accuracy, right, given) for given in accuracy.labels]
        matrix.add_row(Text(fmt.shortened(right, LONGEST_NAME)), *cells)
    return matrix


def _cell(accuracy: Accuracy, right: str, given: str) -> Text:
    count = accuracy.confusion.get((right, given), 0)
    style = "dim" if not count else "green" if right == given else "red"
    return Text(fmt.number(count), style)


def _commonest(accuracy: Accuracy, title: str) -> Table:
    wrong = Counter({pair: n for pair, n in accuracy.confusion.items() if pair[0] != pair[1]})
    lines = table(title, _("Given instead"), _("Rows"), right=(_("Rows"),))
    for (right, given), count in wrong.most_common(COMMONEST):
        lines.add_row(Text(right), Text(given), fmt.number(count))
    return lines
