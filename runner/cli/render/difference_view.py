"""`midnight diff`: how answers have changed from one batch to another."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner import exact_json
from runner.app.difference import Difference
from runner.cli.render.layout import table
from runner.language import _
from runner.wording import fmt

MOST_CHANGES = 15
NO_ANSWER = _("(no answer)")


def as_object(found: Difference) -> dict[str, Any]:
    """As JSON; an answer is null where there is none."""
    return {
        "first": found.first.id,
        "second": found.second.id,
        "same": found.same,
        "changed": found.changed,
        "only_first": found.only_first,
        "only_second": found.only_second,
        "changes": [
            {"before": before, "after": after, "rows": number}
            for (before, after), number in found.changes.most_common()
        ],
        "examples": [
            {
                "row": one.number,
                "before": one.before,
                "after": one.after,
                "input": exact_json.loads(one.row),
            }
            for one in found.examples
        ],
    }


def difference(found: Difference) -> RenderableType:
    """Counts, the changes that most rows share, and the first rows that have changed."""
    both = found.same + found.changed
    first, second = (_("batch {id}").format(id=one.id) for one in (found.first, found.second))
    head = _("{rows} in both: {same} the same, {changed} changed ({share})").format(
        rows=fmt.count(both, "row"),
        same=fmt.number(found.same),
        changed=fmt.number(found.changed),
        share=fmt.percent(found.changed, both or 1),
    )
    parts: list[RenderableType] = [Text(head, "bold")]
    for number, whose in ((found.only_first, first), (found.only_second, second)):
        if number:
            parts.append(
                Text(
                    _("{rows} only in {whose}").format(rows=fmt.count(number, "row"), whose=whose),
                    "dim",
                )
            )
    if not found.changed:
        return Group(*parts)
    counted = table(
        _("Rows"),
        _("In {first}").format(first=first),
        _("In {second}").format(second=second),
        right=(_("Rows"),),
    )
    for (before, after), number in found.changes.most_common(MOST_CHANGES):
        counted.add_row(fmt.number(number), _answer(before), _answer(after))
    shown = table(_("Row"), _("Was"), _("Is"), _("Input"), right=(_("Row"),))
    for one in found.examples:
        text = Text(fmt.shortened(one.row, 80), "dim")
        shown.add_row(fmt.number(one.number), _answer(one.before), _answer(one.after), text)
    more = len(found.changes) - MOST_CHANGES
    rest = [
        Text(
            _("and {changes}; all of them: --json").format(changes=fmt.count(more, "other change")),
            "dim",
        )
    ] * (more > 0)
    return Group(*parts, Text(), counted, *rest, Text(), shown)


def _answer(answer: str | None) -> Text:
    return Text(NO_ANSWER, "dim") if answer is None else Text(fmt.shortened(answer, 60))
