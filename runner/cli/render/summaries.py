"""The summary of a run: its result, and the next commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.results.output_keeper import WrittenOutput
from runner.app.reviews.review_rows import ReviewCounts
from runner.app.running import reasons
from runner.app.running.run_result import RunResult
from runner.cli.render import report_tables
from runner.cli.render.layout import Hint, facts
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason
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

    ran: RunResult
    windows: Sequence[Window]
    prefix: str
    now: int = 0
    reviews: Mapping[int, ReviewCounts] = field(default_factory=dict)


def summary(data: Summary) -> RenderableType:
    """Renders the result of a run, and the next commands."""
    batches = data.ran.batches
    if not batches:
        submit = f"{data.prefix} submit JOBFILE INPUT"
        return Hint(_("nothing is queued; queue a dataset with: {command}").format(command=submit))
    parts: list[RenderableType] = [_headline(data)]
    pairs = [
        (_("batch {id}").format(id=batch.id), f"{batch.name}: {_stand(batch, data)}")
        for batch in batches
    ]
    today = shown_windows.today(data.windows, data.ran.waiting)
    pairs += [(_("today"), line) for line in messages.window_lines(today)]
    pairs += [(_("output"), _output(output, data)) for output in data.ran.outputs]
    advice = [pair for batch in batches for pair in _advice(batch, data)]
    width = max(cell_len(name) for name, _told in [*pairs, *advice])
    known = facts((set_cell_size(name, width), told) for name, told in pairs)
    hints = [Hint(told, head=f"  {set_cell_size(name, width)}  ") for name, told in advice]
    return Group(*parts, known, *hints)


def unfinished(ran: RunResult) -> bool:
    """Whether the same command would find more work."""
    return any(batch.is_unfinished and batch.id not in ran.unserved for batch in ran.batches)


def _headline(data: Summary) -> Text:
    ran = data.ran
    if not ran.left:
        failed = ran.failed - sum(each.answered for each in data.reviews.values())
        suffix = _(", {rows} failed").format(rows=fmt.count(failed, "row")) if failed else ""
        style = "bold yellow" if failed else "bold green"
        return Text(_("done{failed}").format(failed=suffix), style)
    left = _("{rows} left, nothing is lost").format(rows=fmt.count(ran.left, "row"))
    if ran.stop_reason is StopReason.SPENT:
        waits = fmt.SEMICOLON.join(wait_messages.end_reasons(ran.waiting, data.now))
        why = waits or _("what today allows is done")
        return Text(_("{why}; {left}").format(why=why, left=left), "bold yellow")
    return Text(_("stopped; {left}").format(left=left), "bold yellow")


def _output(output: WrittenOutput, data: Summary) -> str:
    """Returns ``labelled.csv (70 rows: 70 succeeded)``, or the reason why it was not written."""
    if output.error is not None:
        return _("{path} could not be written: {what}").format(
            path=fmt.place(output.path), what=output.error.what
        )
    batch = next((each for each in data.ran.batches if each.id == output.batch_id), None)
    if batch is None:
        return fmt.beside(fmt.place(output.path), fmt.count(output.rows, "row"))
    answered = _reviews(batch, data).answered
    return report_tables.written(fmt.place(output.path), output.rows, batch, answered)


def _reviews(batch: Batch, data: Summary) -> ReviewCounts:
    return data.reviews.get(batch.id, ReviewCounts())


def _stand(batch: Batch, data: Summary) -> str:
    counts = batch.counts
    left = batch.rows - counts.succeeded - counts.failed
    is_held = left and not batch.is_unfinished
    state = fmt.beside("", words.BATCH_STATES[batch.state]) if is_held else ""
    answered = _reviews(batch, data).answered
    stand = _("{rows}, {succeeded} succeeded, {failed} failed, {left} left{state}").format(
        rows=fmt.count(batch.rows, "row"),
        succeeded=fmt.number(counts.succeeded),
        failed=fmt.number(counts.failed - answered),
        left=fmt.number(left),
        state=state,
    )
    if not answered:
        return stand
    by_people = _("{answered} answered by people").format(answered=fmt.number(answered))
    return f"{stand}{fmt.COMMA}{by_people}"


def _advice(batch: Batch, data: Summary) -> list[tuple[str, str]]:
    pairs, prefix = [], data.prefix
    if batch.id in data.ran.unserved:
        pairs.append(
            (
                _("not run"),
                _("batch {id}: {unserved}").format(
                    id=batch.id, unserved=messages.unserved(data.ran.unserved[batch.id])
                ),
            )
        )
    reviews = _reviews(batch, data)
    if reviews.to_review:
        command = f"{prefix} review {batch.id}"
        rows = fmt.count(reviews.to_review, "row")
        remark = _("{rows} for a person to look at: {command}").format(rows=rows, command=command)
        pairs.append((_("review"), remark))
    if batch.counts.failed > reviews.answered:
        command = f"{prefix} failures {batch.id}"
        pairs.append((_("failed"), _("see why: {command}").format(command=command)))
    if not batch.done and batch.state in (BatchState.PAUSED, BatchState.CANCELLED):
        why = fmt.beside("", reasons.translated(batch.pause_reason)) if batch.pause_reason else ""
        pairs.append(
            (
                words.BATCH_STATES[batch.state],
                _("go on with: {prefix} resume {id}{why}").format(
                    prefix=prefix, id=batch.id, why=why
                ),
            )
        )
    return pairs
