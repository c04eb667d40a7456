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
from runner.language import _
from runner.wording import fmt

if TYPE_CHECKING:
    from runner.app.quality import Quality

# So many labels across fit eighty columns; of more, the commonest confusions are listed.
WIDEST = 6
COMMONEST = 10
LONGEST_NAME = 20
LONGEST_LABEL = 30
BAR_WIDTH = 24
UNDEFINED = _("not defined")


def quality(found: Quality, go_on: str) -> Iterator[RenderableType]:
    """How good the answers of a batch are; nothing of what cannot be compared.

    `go_on` is the command that shows the rows that a person should look at.
    """
    if found.labels:
        yield from (Text(), labels(found.labels))
    if found.agreement is not None:
        yield from (Text(), agreement(found.agreement))
    if found.check is not None:
        same = fmt.percent(found.check.agreed, found.check.rows) if found.check.rows else _("none")
        told = _("{same} of {rows} had the same answer asked alone").format(
            same=same, rows=fmt.count(found.check.rows, "row")
        )
        yield from (Text(), facts([(_("packing"), told)]))
    if found.to_review or found.reviewed:
        yield from (Text(), facts(_reviews(found, go_on)))
    if found.people is not None and found.people.rows:
        yield from (Text(), _confusion(found.people, _("Person")))


def labels(found: Sequence[tuple[str, int]]) -> Table:
    """A bar an answer."""
    rows, share = _("Rows"), _("Share")
    made = table(_("Answer"), "", rows, share, right=(rows, share))
    every = sum(number for _label, number in found) or 1
    most = max(number for _label, number in found) or 1
    for answer, number in found:
        bar = ProgressBar(total=most, completed=number, width=BAR_WIDTH)
        name = Text(fmt.shortened(answer, LONGEST_LABEL))
        made.add_row(name, bar, fmt.number(number), fmt.percent(number, every))
    return made


def _reviews(found: Quality, go_on: str) -> list[tuple[str, str]]:
    told = []
    if found.to_review:
        told.append((_("to review"), f"{fmt.count(found.to_review, 'row')}: {go_on}"))
    if found.reviewed:
        rows = fmt.count(sum(number for _name, number in found.reviewed), "row")
        names = fmt.listed([name for name, _number in found.reviewed])
        told.append((_("reviewed"), _("{rows} by {names}").format(rows=rows, names=names)))
    if found.people is not None:
        right = _("{accuracy} of the rows that people have looked at").format(
            accuracy=_accuracy(found.people)
        )
        told.append((_("models"), right))
    return told


def agreement(found: Agreement) -> RenderableType:
    """Agreement of each pair of raters, of all raters, and of the votes with the right answers."""
    parts: list[RenderableType] = []
    if found.pairs:
        parts += [_pairs(found.pairs), Text()]
    parts.append(facts(_facts(found)))
    accuracy = found.accuracy
    if accuracy is not None and accuracy.rows:
        parts += [Text(), _confusion(accuracy, _("Right"))]
    return Group(*parts)


def _confusion(found: Accuracy, right: str) -> Table:
    """How often what is right was given, or what instead."""
    small = len(found.labels) <= WIDEST
    return _square(found, right) if small else _commonest(found, right)


def _facts(found: Agreement) -> list[tuple[str, str]]:
    told = [(_("rows"), fmt.number(found.rows))]
    if found.pairs:
        over = _(" over {rows} with two answers or more").format(
            rows=fmt.count(found.fleiss_rows, "row")
        )
        told.append((_("Fleiss' kappa"), f"{_kappa(found.fleiss)}{over}"))
    if found.accuracy is not None:
        told.append((_("accuracy"), _accuracy(found.accuracy)))
    return told


def _accuracy(found: Accuracy) -> str:
    missing = (
        _("; {missing} without an answer").format(missing=fmt.number(found.missing))
        if found.missing
        else ""
    )
    if found.share is None:
        return _("no row has an answer{missing}").format(missing=missing)
    return _("{share:.1f} % ({correct} right{missing})").format(
        share=100 * found.share, correct=fmt.out_of(found.correct, found.rows), missing=missing
    )


def _kappa(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3f}"


def _pairs(pairs: Sequence[Pair]) -> Table:
    numbers = (_("Rows"), _("Agree"), _("Cohen's kappa"))
    made = table(_("First"), _("Second"), *numbers, right=numbers)
    for pair in pairs:
        agree = fmt.percent(pair.agreed, pair.rows) if pair.rows else ""
        kappa = _kappa(pair.kappa)
        made.add_row(Text(pair.first), Text(pair.second), fmt.number(pair.rows), agree, kappa)
    return made


def _square(found: Accuracy, title: str) -> Table:
    """The confusion matrix: a line for each right answer, a column for each that was given."""
    short = {label: fmt.shortened(label, 80 // (WIDEST + 2)) for label in found.labels}
    made = table(_("{right} \\ given").format(right=title))
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
    made = table(title, _("Given instead"), _("Rows"), right=(_("Rows"),))
    for (right, given), count in wrong.most_common(COMMONEST):
        made.add_row(Text(right), Text(given), fmt.number(count))
    return made
