"""The deleted batches, and the disk space returned."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.batches.pruning import Pruned
from runner.language import _
from runner.wording import fmt


def deleted(pruned: Pruned, *, dry_run: bool = False) -> RenderableType:
    """Renders a line for each batch, and the space returned."""
    if not pruned.batches:
        return Text(_("no finished batch is that old; nothing was deleted"))
    verb = _("would be deleted") if dry_run else _("is deleted")
    lines = [
        Text(
            _("{name} (batch {id}, {rows}) {verb}").format(
                name=batch.name, id=batch.id, rows=fmt.count(batch.rows, "row"), verb=verb
            )
        )
        for batch in pruned.batches
    ]
    return Group(*lines) if dry_run else Group(*lines, Text(_space(pruned.bytes_freed)))


def _space(freed: int | None) -> str:
    if freed is None:
        return _("a runner is at work, so the database stays as large; new rows use the space")
    return _("{freed} given back; the calls stay in reports").format(freed=fmt.size(freed))
