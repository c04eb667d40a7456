"""What a batch that was just queued has to do with earlier ones, in a line or two."""

from __future__ import annotations

from pathlib import Path

from runner.app.lineage import Resemblance
from runner.app.responses import Submitted
from runner.wording import fmt


def told(found: Submitted) -> list[str]:
    """``resembles batch 1: 10 rows more; 60 answers are kept, 10 calls to make``."""
    if found.retried:
        return [f"{fmt.count(found.retried, 'failed row')} of batch {found.batch.id} queued again"]
    calls = fmt.count(found.forecast.calls, "call")
    if found.replaces is not None:
        old = found.replaces.batch
        kept_ = _kept(found.replaces.kept)
        line = f"resembles batch {old.id}: {_difference(found.replaces)}; {kept_}, {calls} to make"
        left = fmt.count(old.left, "row")
        aside = f"what was left of batch {old.id} ({left}) is set aside" if old.left else ""
        return [line, *([aside] if aside else [])]
    if found.created and found.batch.counts.succeeded:
        kept_ = fmt.count(found.batch.counts.succeeded, "row")
        return [f"{kept_} were answered before, in other batches; {calls} to make"]
    return []


def _difference(found: Resemblance) -> str:
    rows = found.rows_more
    more = f"{fmt.count(abs(rows), 'row')} {'more' if rows > 0 else 'fewer'}" if rows else ""
    if found.changes:
        verb = "has" if len(found.changes) == 1 and not found.changes[0].endswith("s") else "have"
        changed = f"{fmt.listed(found.changes)} {verb} changed"
        return ", ".join(filter(None, (more, changed)))
    return more or ("all is asked afresh" if found.fresh else "other rows")


def _kept(number: int) -> str:
    if not number:
        return "no answer is kept"
    return f"{fmt.count(number, 'answer')} {'is' if number == 1 else 'are'} kept"


def kept(path: Path, place: Path | None) -> list[str]:
    """That an output file with more answers is kept."""
    if place is None:
        return []
    return [f"{path} had more answers than this batch: it is kept as {place.name}"]
