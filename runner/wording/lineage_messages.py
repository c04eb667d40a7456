"""What a batch that was just queued has to do with earlier ones, in a line or two."""

from __future__ import annotations

from pathlib import Path

from runner.app import lineage
from runner.app.lineage import Resemblance
from runner.app.responses import Submitted
from runner.language import _, ngettext
from runner.wording import fmt


def told(found: Submitted) -> list[str]:
    """``resembles batch 1: 10 rows more; 60 answers are kept, 10 calls to make``."""
    if found.retried:
        return [
            _("{rows} of batch {id} queued again").format(
                rows=fmt.count(found.retried, "failed row"), id=found.batch.id
            )
        ]
    calls = fmt.count(found.forecast.calls, "call")
    if found.replaces is not None:
        old = found.replaces.batch
        kept_ = _kept(found.replaces.kept)
        line = _("resembles batch {id}: {difference}; {kept}, {calls} to make").format(
            id=old.id, difference=_difference(found.replaces), kept=kept_, calls=calls
        )
        left = fmt.count(old.left, "row")
        aside = (
            _("what was left of batch {id} ({left}) is set aside").format(id=old.id, left=left)
            if old.left
            else ""
        )
        return [line, *([aside] if aside else [])]
    if found.created and found.batch.counts.succeeded:
        kept_ = fmt.count(found.batch.counts.succeeded, "row")
        return [
            _("{kept} were answered before, in other batches; {calls} to make").format(
                kept=kept_, calls=calls
            )
        ]
    return []


def _difference(found: Resemblance) -> str:
    rows = found.rows_more
    more = ""
    if rows:
        told = _("{rows} more") if rows > 0 else _("{rows} fewer")
        more = told.format(rows=fmt.count(abs(rows), "row"))
    if found.changes:
        one = len(found.changes) == 1 and found.changes[0] in lineage.SINGULAR
        told = _("{changes} has changed") if one else _("{changes} have changed")
        changed = told.format(changes=fmt.listed(found.changes))
        return fmt.COMMA.join(filter(None, (more, changed)))
    return more or (_("all is asked afresh") if found.fresh else _("other rows"))


def _kept(number: int) -> str:
    if not number:
        return _("no answer is kept")
    told = ngettext("{number} answer is kept", "{number} answers are kept", number)
    return told.format(number=fmt.number(number))


def kept(path: Path, place: Path | None) -> list[str]:
    """That an output file with more answers is kept."""
    if place is None:
        return []
    return [
        _("{path} had more answers than this batch: it is kept as {name}").format(
            path=path, name=place.name
        )
    ]
