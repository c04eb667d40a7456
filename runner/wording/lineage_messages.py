"""How a newly queued batch relates to earlier ones, in one or two lines."""

from __future__ import annotations

from pathlib import Path

from runner.app.submitting import lineage
from runner.app.submitting.lineage import Resemblance
from runner.app.submitting.submitted import Submitted
from runner.language import _, ngettext
from runner.wording import fmt


def sentences(submitted: Submitted) -> list[str]:
    """Returns ``resembles batch 1: 10 rows more; 60 answers are kept, 10 calls to make``."""
    if submitted.retried:
        return [
            _("{rows} of batch {id} queued again").format(
                rows=fmt.count(submitted.retried, "failed row"), id=submitted.batch.id
            )
        ]
    calls = fmt.count(submitted.forecast.calls, "call")
    if submitted.replaces is not None:
        earlier = submitted.replaces.batch
        kept_ = _kept(submitted.replaces.kept)
        line = _("resembles batch {id}: {difference}; {kept}, {calls} to make").format(
            id=earlier.id, difference=_difference(submitted.replaces), kept=kept_, calls=calls
        )
        left = fmt.count(earlier.left, "row")
        aside = (
            _("what was left of batch {id} ({left}) is set aside").format(id=earlier.id, left=left)
            if earlier.left
            else ""
        )
        return [line, *([aside] if aside else [])]
    if submitted.created and submitted.batch.counts.succeeded:
        kept_ = fmt.count(submitted.batch.counts.succeeded, "row")
        return [
            _("{kept} were answered before, in other batches; {calls} to make").format(
                kept=kept_, calls=calls
            )
        ]
    return []


def _difference(resemblance: Resemblance) -> str:
    rows = resemblance.rows_more
    more = ""
    if rows:
        template = _("{rows} more") if rows > 0 else _("{rows} fewer")
        more = template.format(rows=fmt.count(abs(rows), "row"))
    if resemblance.changes:
        is_singular = len(resemblance.changes) == 1 and resemblance.changes[0] in lineage.SINGULAR
        template = _("{changes} has changed") if is_singular else _("{changes} have changed")
        changed = template.format(changes=fmt.listed(resemblance.changes))
        return fmt.COMMA.join(filter(None, (more, changed)))
    return more or (_("all is asked afresh") if resemblance.fresh else _("other rows"))


def _kept(number: int) -> str:
    if not number:
        return _("no answer is kept")
    template = ngettext("{number} answer is kept", "{number} answers are kept", number)
    return template.format(number=fmt.number(number))


def kept(path: Path, place: Path | None) -> list[str]:
    """Returns the sentence that an output file with more answers is kept under another name."""
    if place is None:
        return []
    return [
        _("{path} had more answers than this batch: it is kept as {name}").format(
            path=path, name=place.name
        )
    ]
