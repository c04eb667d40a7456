"""What was deleted, and the space that it took."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.pruning import Pruned
from runner.language import _
from runner.wording import fmt


def as_object(found: Pruned) -> dict[str, Any]:
    """As JSON; `bytes_freed` is null where the database could not become smaller now."""
    return {"deleted": [one.id for one in found.batches], "bytes_freed": found.bytes_freed}


def deleted(found: Pruned, *, dry_run: bool = False) -> RenderableType:
    """A line for each batch, and what was gained."""
    if not found.batches:
        return Text(_("no batch is that old and over; nothing was deleted"))
    verb = _("would be deleted") if dry_run else _("is deleted")
    lines = [
        Text(
            _("{name} (batch {id}, {rows}) {verb}").format(
                name=one.name, id=one.id, rows=fmt.count(one.rows, "row"), verb=verb
            )
        )
        for one in found.batches
    ]
    return Group(*lines) if dry_run else Group(*lines, Text(_space(found.bytes_freed)))


def _space(freed: int | None) -> str:
    if freed is None:
        return _("a runner is at work, so the database stays as large; new rows use the space")
    return _("{freed} given back; the calls stay in reports").format(freed=fmt.size(freed))
