"""`midnight diff`: how the answers of two batches differ."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.batches.difference import Difference
from runner.cli.render.layout import table
from runner.language import _
from runner.wording import fmt

MOST_CHANGES = 15
NO_ANSWER = _("(no answer)")


def difference(compared: Difference) -> RenderableType:
    """Renders the counts, the most frequent changes, and examples of changed rows."""
    both = compared.same + compared.changed
    first, second = (
        _("batch {id}").format(id=batch.id) for batch in (compared.first, compared.second)
    )
    head = _("{rows} in both: {same} the same, {changed} changed ({share})").format(
        rows=fmt.count(both, "row"),
        same=fmt.number(compared.same),
        changed=fmt.number(compared.changed),
        share=fmt.percent(compared.changed, both or 1),
    )
    parts: list[RenderableType] = [Text(head, "bold")]
    for number, whose in ((compared.only_first, first), (compared.only_second, second)):
        if number:
            parts.append(
                Text(
                    _("{rows} only in {whose}").format(rows=fmt.count(number, "row"), whose=whose),
                    "dim",
                )
            )
    if not compared.changed:
        return Group(*parts)
    counted = table(
        _("Rows"),
        _("In {first}").format(first=first),
        _("In {second}").format(second=second),
        right=(_("Rows"),),
    )
    for (before, after), number in compared.changes.most_common(MOST_CHANGES):
        counted.add_row(fmt.number(number), _answer(before), _answer(after))
    shown = table(_("Row"), _("Was"), _("Is"), _("Input"), right=(_("Row"),))
    for example in compared.examples:
        text = Text(fmt.shortened(example.row, 80), "dim")
        shown.add_row(
            fmt.number(example.number), _answer(example.before), _answer(example.after), text
        )
    more = len(compared.changes) - MOST_CHANGES
    rest = [
        Text(
            _("and {changes}; all of them: --json").format(changes=fmt.count(more, "other change")),
            "dim",
        )
    ] * (more > 0)
    return Group(*parts, Text(), counted, *rest, Text(), shown)


def _answer(answer: str | None) -> Text:
    return Text(NO_ANSWER, "dim") if answer is None else Text(fmt.shortened(answer, 60))
