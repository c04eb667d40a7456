"""How far answers agree, as tables that fit eighty columns.

core/agreement.py has counted what they show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
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
UNDEFINED = _("not defined")


def quality(found: Quality) -> Iterator[RenderableType]:
    """How good the answers of a batch are; nothing if they cannot be compared with others."""
    if found.agreement is not None:
        yield from (Text(), agreement(found.agreement))
    if found.check is not None:
        same = fmt.percent(found.check.agreed, found.check.rows) if found.check.rows else _("none")
        told = _("{same} of {rows} had the same answer asked alone").format(
            same=same, rows=fmt.count(found.check.rows, "row")
        )
        yield from (Text(), facts([(_("packing"), told)]))


def agreement(found: Agreement) -> RenderableType:
    """Agreement of each pair of raters, of all raters, and of the votes with the right answers."""
    parts: list[RenderableType] = []
    if found.pairs:
        parts += [_pairs(found.pairs), Text()]
    parts.append(facts(_facts(found)))
    accuracy = found.accuracy
    if accuracy is not None and accuracy.rows:
        small = len(accuracy.labels) <= WIDEST
        parts += [Text(), _square(accuracy) if small else _commonest(accuracy)]
    return Group(*parts)


def _facts(found: Agreement) -> list[tuple[str, str]]:
    told = [(_("rows"), fmt.number(found.rows))]
    if found.pairs:
        over = _(" over {rows} with two answers or more").format(
            rows=fmt.count(found.fleiss_rows, "row")
        )
        told.append((_("Fleiss' kappa"), f"{_kappa(found.fleiss)}{over}"))
    told.append(
        (
            _("to review"),
            _("{rows} (a tie, or too few agree)").format(rows=fmt.count(found.review, "row")),
        )
    )
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


def _square(found: Accuracy) -> Table:
    """The confusion matrix: a line for each right answer, a column for each that was given."""
    short = {label: fmt.shortened(label, 80 // (WIDEST + 2)) for label in found.labels}
    made = table(_("Right \\ given"))
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


def _commonest(found: Accuracy) -> Table:
    wrong = Counter({pair: n for pair, n in found.confusion.items() if pair[0] != pair[1]})
    made = table(_("Right"), _("Given instead"), _("Rows"), right=(_("Rows"),))
    for (right, given), count in wrong.most_common(COMMONEST):
        made.add_row(Text(right), Text(given), fmt.number(count))
    return made
