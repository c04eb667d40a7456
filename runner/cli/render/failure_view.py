"""`midnight failures`: the causes of failed rows, remedies, and the rows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.running import reasons
from runner.language import _
from runner.store.batches import Batch
from runner.store.failures import Failure, FailureGroup
from runner.wording import fmt
from runner.wording.failure_remedies import remedy_for

LONGEST_CAUSE = 240
LONGEST_QUOTE = 150


def failures(
    rows: Sequence[Failure],
    causes: Sequence[FailureGroup],
    batch: Batch,
    command: str,
    edited: str | None = None,
) -> RenderableType:
    """Renders each cause with its number, an example and a remedy; then the rows.

    Args:
        rows: The rows to show.
        causes: The causes, the most frequent first.
        batch: The batch.
        command: ``midnight`` with the given global options.
        edited: The command that retries them with an edited job file, if there is one.
    """
    if not rows:
        return Text(
            _("no row of {name} (batch {id}) has failed").format(name=batch.name, id=batch.id),
            "green",
        )
    examples = {(failure.row, failure.error): failure for failure in rows}
    parts: list[RenderableType] = []
    for number, cause in enumerate(causes, 1):
        parts += _cause(number, cause, examples.get((cause.example, cause.error)))
    listed = ", ".join(str(failure.row) for failure in rows)
    hidden = sum(cause.count for cause in causes) - len(rows)
    more = _(" and {hidden} more (--limit)").format(hidden=fmt.number(hidden)) if hidden > 0 else ""
    return Group(
        *parts,
        Text(_("rows {listed}{more}").format(listed=listed, more=more), "dim"),
        Text(
            _("one in full: {command} show {id} {row}").format(
                command=command, id=batch.id, row=rows[0].row
            ),
            "dim",
        ),
        Text(
            _("again: {command} retry {id}, or one cause: retry {id} --cause 1").format(
                command=command, id=batch.id
            ),
            "dim",
        ),
        *([Text(_("with an edited job file: {edited}").format(edited=edited))] if edited else []),
    )


def _cause(number: int, cause: FailureGroup, example: Failure | None) -> list[RenderableType]:
    head = f"{number}  {fmt.count(cause.count, 'row')}: "
    parts: list[RenderableType] = [
        Text.assemble((head, "bold"), fmt.shortened(reasons.translated(cause.error), LONGEST_CAUSE))
    ]
    if example is not None:
        row = fmt.shortened(example.payload, LONGEST_QUOTE)
        parts.append(Text(_("   row {number}: {row}").format(number=example.row, row=row), "dim"))
        if example.replies:
            reply = fmt.shortened(example.replies[-1], LONGEST_QUOTE)
            parts.append(Text(_("   the model said: {said}").format(said=reply)))
    else:
        parts.append(Text(_("   for example row {example}").format(example=cause.example), "dim"))
    if (remedy := remedy_for(cause.error)) is not None:
        parts.append(Text(_("   try: {remedy}").format(remedy=remedy), "cyan"))
    return [*parts, Text()]
