"""`midnight db set-aside`: the settlements that could not be stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from runner.cli.render.layout import table
from runner.clock import SystemClock
from runner.language import _
from runner.store.set_aside import SetAside
from runner.wording import fmt

LONGEST_ERROR = 200


def set_aside(
    settlements: Sequence[SetAside], command: str, output: Path | None, *, forgets: bool
) -> RenderableType:
    """Renders the calls that they settle, the errors, and what to do with them."""
    if not settlements:
        return Text(_("every settlement was stored"), "green")
    now = SystemClock().now()
    lines = table(
        _("Call"),
        _("Batch"),
        _("At"),
        _("Why it could not be stored"),
        right=(_("Call"), _("Batch")),
    )
    for settlement in settlements:
        lines.add_row(
            str(settlement.call_id),
            "" if settlement.batch_id is None else str(settlement.batch_id),
            fmt.when(settlement.at, now),
            Text(fmt.shortened(settlement.error, LONGEST_ERROR)),
        )
    notes = _notes(command, output, forgets=forgets)
    return Group(lines, Text(), *(Text(note, "dim") for note in notes))


def _notes(command: str, output: Path | None, *, forgets: bool) -> list[str]:
    if output:
        written = _("written to {output}").format(output=output)
        remedy = _("delete them with: {command} --forget").format(command=command)
        return [written] if forgets else [written, remedy]
    if forgets:
        return []
    return [
        _("their rows have failed; the replies were paid for and are kept"),
        _("write them to a file, with the replies: {command} -o FILE").format(command=command),
    ]
