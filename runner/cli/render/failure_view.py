"""`midnight failures`: why rows have failed, what to do about it, and which rows they are."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from runner.store.batch_rows import Cause, Failure
from runner.store.batches import Batch
from runner.wording import fmt
from runner.wording.failure_remedies import remedy_for

LONGEST_CAUSE = 240
LONGEST_QUOTE = 150


def failures(
    rows: Sequence[Failure], causes: Sequence[Cause], batch: Batch, command: str
) -> RenderableType:
    """Each cause with its number, an example and a remedy; then the rows.

    `command` is ``midnight`` with the global options that were given.
    """
    if not rows:
        return Text(f"no row of {batch.name} (batch {batch.id}) has failed", "green")
    examples = {(failure.row, failure.error): failure for failure in rows}
    parts: list[RenderableType] = []
    for number, cause in enumerate(causes, 1):
        parts += _cause(number, cause, examples.get((cause.example, cause.error)))
    listed = ", ".join(str(failure.row) for failure in rows)
    hidden = sum(cause.count for cause in causes) - len(rows)
    more = f" and {fmt.number(hidden)} more (--limit)" if hidden > 0 else ""
    return Group(
        *parts,
        Text(f"rows {listed}{more}", "dim"),
        Text(f"one in full: {command} show {batch.id} {rows[0].row}", "dim"),
        Text(f"again: {command} retry {batch.id}, or one cause: retry {batch.id} --cause 1", "dim"),
    )


def _cause(number: int, cause: Cause, example: Failure | None) -> list[RenderableType]:
    head = f"{number}  {fmt.count(cause.count, 'row')}: "
    parts: list[RenderableType] = [
        Text.assemble((head, "bold"), fmt.shortened(cause.error, LONGEST_CAUSE))
    ]
    if example is not None:
        row = fmt.shortened(example.payload, LONGEST_QUOTE)
        parts.append(Text(f"   row {example.row}: {row}", "dim"))
        if example.replies:
            said = fmt.shortened(example.replies[-1], LONGEST_QUOTE)
            parts.append(Text(f"   the model said: {said}"))
    else:
        parts.append(Text(f"   for example row {cause.example}", "dim"))
    if (remedy := remedy_for(cause.error)) is not None:
        parts.append(Text(f"   try: {remedy}", "cyan"))
    return [*parts, Text()]
