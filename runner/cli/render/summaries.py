"""What a batch takes before it runs; how a run ended, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.credits import Purchase
from runner.app.outputs import Written
from runner.app.responses import Ran
from runner.cli.render import report_tables
from runner.cli.render.layout import facts
from runner.core.ending import Ending
from runner.core.forecast import Forecast
from runner.core.states import BatchState
from runner.core.window import Window
from runner.language import _
from runner.store.batches import Batch
from runner.wording import credit_messages, fmt, messages, shown_windows, wait_messages, words

if TYPE_CHECKING:
    from runner.app.planning import Plan
    from runner.app.suggestions import Suggestion


@dataclass(frozen=True, slots=True)
class Summary:
    """What the summary of a run is made from.

    Attributes:
        ran: How it ended.
        windows: Today's windows of what it called.
        prefix: ``midnight`` with the global options that were given.
        now: The present moment (ms since the epoch).
    """

    ran: Ran
    windows: Sequence[Window]
    prefix: str
    now: int = 0


def summary(found: Summary) -> RenderableType:
    """How a run ended, and what to type next."""
    batches = found.ran.batches
    if not batches:
        return Text(_("nothing is queued; queue a dataset with: midnight submit JOBFILE INPUT"))
    parts: list[RenderableType] = [_headline(found)]
    pairs = [
        (_("batch {id}").format(id=batch.id), f"{batch.name}: {_stand(batch)}") for batch in batches
    ]
    today = shown_windows.today(found.windows, found.ran.waiting)
    pairs += [(_("today"), line) for line in messages.window_lines(today)]
    pairs += [(_("output"), _output(one, batches)) for one in found.ran.outputs]
    for batch in batches:
        pairs += _advice(batch, found)
    parts.append(facts(pairs))
    return Group(*parts)


def unfinished(ran: Ran) -> bool:
    """Whether the same command would find more to do."""
    return any(
        batch.state in _RUNNING and not batch.done and batch.id not in ran.unserved
        for batch in ran.batches
    )


_RUNNING = (BatchState.ACTIVE, BatchState.LOADING)


def _headline(found: Summary) -> Text:
    ran = found.ran
    if not ran.left:
        failed = (
            _(", {rows} failed").format(rows=fmt.count(ran.failed, "row")) if ran.failed else ""
        )
        return Text(
            _("done{failed}").format(failed=failed), "bold yellow" if ran.failed else "bold green"
        )
    left = _("{rows} left, nothing is lost").format(rows=fmt.count(ran.left, "row"))
    if ran.ending is Ending.SPENT:
        reasons = "; ".join(wait_messages.end_reasons(ran.waiting, found.now))
        return Text(f"{reasons or 'what today allows is done'}; {left}", "bold yellow")
    return Text(_("stopped; {left}").format(left=left), "bold yellow")


def _output(one: Written, batches: Sequence[Batch]) -> str:
    """``labelled.csv (70 rows: 70 succeeded)``, or why it could not be written."""
    if one.error is not None:
        return _("{path} could not be written: {what}").format(
            path=fmt.place(one.path), what=one.error.what
        )
    batch = next((each for each in batches if each.id == one.batch_id), None)
    if batch is None:
        return f"{fmt.place(one.path)} ({fmt.count(one.rows, 'row')})"
    return report_tables.written(fmt.place(one.path), one.rows, batch)


def _stand(batch: Batch) -> str:
    counts = batch.counts
    left = batch.rows - counts.succeeded - counts.failed
    state = f" ({words.BATCH_STATES[batch.state]})" if batch.state not in _RUNNING and left else ""
    return _("{rows}, {succeeded} succeeded, {failed} failed, {left} left{state}").format(
        rows=fmt.count(batch.rows, "row"),
        succeeded=fmt.number(counts.succeeded),
        failed=fmt.number(counts.failed),
        left=fmt.number(left),
        state=state,
    )


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
    if batch.counts.failed:
        command = f"{prefix} failures {batch.id}"
        pairs.append((_("failed"), _("see why: {command}").format(command=command)))
    if not batch.done and batch.state in (BatchState.PAUSED, BatchState.CANCELLED):
        why = f" ({batch.pause_reason})" if batch.pause_reason else ""
        pairs.append(
            (
                words.BATCH_STATES[batch.state],
                _("go on with: {prefix} resume {id}{why}").format(
                    prefix=prefix, id=batch.id, why=why
                ),
            )
        )
    return pairs


def packing_advice(found: Plan) -> str | None:
    """``pack = 20: 1,500 calls, 1 day instead of 15``; None where it would change little."""
    if found.packed is None:
        return None
    packed, alone = found.packed.forecast, found.forecast
    days = ""
    if 0 < packed.days < alone.days:
        days = _(", {days} of allowance instead of {alone_days}").format(
            days=fmt.count(packed.days, "day"), alone_days=fmt.number(alone.days)
        )
    return _(
        "pack = {rows} in [job]: {calls}{days}; check = 0.02 measures what it costs in quality"
    ).format(rows=found.packed.rows, calls=fmt.count(packed.calls, "call"), days=days)


def cost(
    rows: int,
    forecast: Forecast,
    now: int,
    *,
    distinct: int | None = None,
    reused: int = 0,
    alone: int = 0,
    tokens: int = 0,
    more: Sequence[tuple[str, str]] = (),
) -> RenderableType:
    """What a batch takes: calls, tokens, days.

    Args:
        rows: Its rows.
        forecast: When its calls would be done.
        now: The present moment (ms since the epoch).
        distinct: Requests that differ from one another; None: not known yet.
        reused: Rows whose answer another batch has.
        alone: Calls if each row had one of its own.
        tokens: Tokens of all prompts.
        more: What else is to be told, with a name.
    """
    pairs = [(_("rows"), fmt.number(rows))]
    if distinct is not None:
        pairs.append((_("distinct requests"), fmt.number(distinct)))
    if reused:
        pairs.append(
            (
                _("answered before"),
                _("{reused}: they cost nothing").format(reused=fmt.number(reused)),
            )
        )
    saved = _(" ({alone} if each row were asked alone)").format(alone=fmt.number(alone)) * (
        alone > forecast.calls
    )
    pairs.append((_("calls to make"), f"{fmt.number(forecast.calls)}{saved}"))
    if tokens:
        pairs.append((_("tokens to send"), _("about {tokens}").format(tokens=fmt.number(tokens))))
    pairs += [
        (_("calls a day"), messages.calls_a_day(forecast)),
        (_("days of allowance"), fmt.number(forecast.days)),
        (_("finish"), messages.finish(forecast, now)),
    ]
    if due := credit_messages.login_due(forecast, now):
        pairs.append((_("next login"), due))
    return facts([*pairs, *more])


def ways_to_pay(
    purchases: Sequence[Purchase], suggestions: Sequence[Suggestion]
) -> list[tuple[str, str]]:
    """What credits pay for, and other models that might do it sooner."""
    told = [(_("credits"), credit_messages.purchase(each)) for each in purchases]
    return told + [(_("other model"), credit_messages.suggestion(each)) for each in suggestions]
