"""The summary of a run: its result, and the next commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from runner.app import reasons
from runner.app.outputs import Written
from runner.app.responses import Ran
from runner.app.review_rows import ReviewCounts
from runner.cli.render import report_tables
from runner.cli.render.layout import Hint, facts
from runner.core.ending import Ending
from runner.core.states import BatchState
from runner.core.window import Window
from runner.language import _
from runner.store.batches import Batch
from runner.wording import fmt, messages, shown_windows, wait_messages, words


@dataclass(frozen=True, slots=True)
class Summary:
    """The data of a run's summary.

    Attributes:
        ran: The result of the run.
        windows: Today's windows of the models that it called.
        prefix: ``midnight`` with the given global options.
        now: The current time (ms since the epoch).
        reviews: The reviews of the finished batches, by id.
    """

    ran: Ran
    windows: Sequence[Window]
    prefix: str
    now: int = 0
    reviews: Mapping[int, ReviewCounts] = field(default_factory=dict)


def summary(found: Summary) -> RenderableType:
    """Render the result of a run, and the next commands."""
    batches = found.ran.batches
    if not batches:
        submit = f"{found.prefix} submit JOBFILE INPUT"
        return Hint(_("nothing is queued; queue a dataset with: {command}").format(command=submit))
    parts: list[RenderableType] = [_headline(found)]
    pairs = [
        (_("batch {id}").format(id=batch.id), f"{batch.name}: {_stand(batch, found)}")
        for batch in batches
    ]
    today = shown_windows.today(found.windows, found.ran.waiting)
    pairs += [(_("today"), line) for line in messages.window_lines(today)]
    pairs += [(_("output"), _output(one, found)) for one in found.ran.outputs]
    advice = [pair for batch in batches for pair in _advice(batch, found)]
    width = max(cell_len(name) for name, _told in [*pairs, *advice])
    known = facts((set_cell_size(name, width), told) for name, told in pairs)
    hints = [Hint(told, head=f"  {set_cell_size(name, width)}  ") for name, told in advice]
    return Group(*parts, known, *hints)


def unfinished(ran: Ran) -> bool:
    """Whether the same command would find more work."""
    return any(
        batch.state in _RUNNING and not batch.done and batch.id not in ran.unserved
        for batch in ran.batches
    )


_RUNNING = (BatchState.ACTIVE, BatchState.LOADING)


def _headline(found: Summary) -> Text:
    ran = found.ran
    if not ran.left:
        failed = ran.failed - sum(each.answered for each in found.reviews.values())
        told = _(", {rows} failed").format(rows=fmt.count(failed, "row")) if failed else ""
        style = "bold yellow" if failed else "bold green"
        return Text(_("done{failed}").format(failed=told), style)
    left = _("{rows} left, nothing is lost").format(rows=fmt.count(ran.left, "row"))
    if ran.ending is Ending.SPENT:
        waits = fmt.SEMICOLON.join(wait_messages.end_reasons(ran.waiting, found.now))
        why = waits or _("what today allows is done")
        return Text(_("{why}; {left}").format(why=why, left=left), "bold yellow")
    return Text(_("stopped; {left}").format(left=left), "bold yellow")


def _output(one: Written, found: Summary) -> str:
    """Return ``labelled.csv (70 rows: 70 succeeded)``, or the reason why it was not written."""
    if one.error is not None:
        return _("{path} could not be written: {what}").format(
            path=fmt.place(one.path), what=one.error.what
        )
    batch = next((each for each in found.ran.batches if each.id == one.batch_id), None)
    if batch is None:
        return fmt.beside(fmt.place(one.path), fmt.count(one.rows, "row"))
    answered = _reviews(batch, found).answered
    return report_tables.written(fmt.place(one.path), one.rows, batch, answered)


def _reviews(batch: Batch, found: Summary) -> ReviewCounts:
    return found.reviews.get(batch.id, ReviewCounts())


def _stand(batch: Batch, found: Summary) -> str:
    counts = batch.counts
    left = batch.rows - counts.succeeded - counts.failed
    state = (
        fmt.beside("", words.BATCH_STATES[batch.state])
        if batch.state not in _RUNNING and left
        else ""
    )
    answered = _reviews(batch, found).answered
    told = _("{rows}, {succeeded} succeeded, {failed} failed, {left} left{state}").format(
        rows=fmt.count(batch.rows, "row"),
        succeeded=fmt.number(counts.succeeded),
        failed=fmt.number(counts.failed - answered),
        left=fmt.number(left),
        state=state,
    )
    if not answered:
        return told
    by_people = _("{answered} answered by people").format(answered=fmt.number(answered))
    return f"{told}{fmt.COMMA}{by_people}"


def _advice(batch: Batch, found: Summary) -> list[tuple[str, str]]:
    pairs, prefix = [], found.prefix
    if batch.id in found.ran.unserved:
        pairs.append(
            (
                _("not run"),
                _("batch {id}: {unserved}").format(
                    id=batch.id, unserved=messages.unserved(found.ran.unserved[batch.id])
                ),
            )
        )
    reviews = _reviews(batch, found)
    if reviews.to_review:
        command = f"{prefix} review {batch.id}"
        rows = fmt.count(reviews.to_review, "row")
        told = _("{rows} for a person to look at: {command}").format(rows=rows, command=command)
        pairs.append((_("review"), told))
    if batch.counts.failed > reviews.answered:
        command = f"{prefix} failures {batch.id}"
        pairs.append((_("failed"), _("see why: {command}").format(command=command)))
    if not batch.done and batch.state in (BatchState.PAUSED, BatchState.CANCELLED):
        why = fmt.beside("", reasons.told(batch.pause_reason)) if batch.pause_reason else ""
        pairs.append(
            (
                words.BATCH_STATES[batch.state],
                _("go on with: {prefix} resume {id}{why}").format(
                    prefix=prefix, id=batch.id, why=why
                ),
            )
        )
    return pairs
