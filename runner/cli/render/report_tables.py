"""Tables of calls by day, and the line on an exported file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from runner import invocation
from runner.app.reports.reporting import Grouping, Report, ReportLine
from runner.cli.render import report_pictures
from runner.cli.render.layout import table
from runner.core.window import Unit
from runner.language import _
from runner.store.batches import Batch
from runner.store.reports import DayReport
from runner.wording import fmt, report_words
from runner.wording.report_words import LABELS, OUTCOMES

LAST = {"credits": _("Credits"), "left": _("Left"), "spent": _("Spent")}
NEEDED = ("answered",)
"""Outcomes that have a column even without any calls."""


def report(ledger: Report) -> RenderableType:
    """Renders the ledger's lines, their total, and a chart."""
    if not ledger.lines:
        return Text(_nothing(ledger))
    shown = [n for n in OUTCOMES if n in NEEDED or getattr(ledger.total.figures, n)]
    paid = ledger.total.paid
    shares = any(line.share is not None for line in ledger.lines)
    last = ("credits", "left") if paid else ("spent",) if shares else ()
    outcomes = [OUTCOMES[name].capitalize() for name in shown]
    ends = [LAST[name] for name in last]
    numbers = (_("Calls"), *outcomes, _("Rows"), _("Tokens"), *ends)
    names = _label_columns(ledger)
    lines = table(*(LABELS.get(name, name).capitalize() for name in names), *numbers, right=numbers)
    lines.collapse_padding = True
    for line in ledger.lines:
        labels = [Text(line.labels.get(name, "") or "-") for name in names]
        lines.add_row(*labels, *_figures(line, shown, last))
    lines.add_section()
    blank = [""] * (len(names) - 1)
    lines.add_row(_("TOTAL"), *blank, *_figures(ledger.total, shown, last), style="bold")
    notes = _notes(ledger)
    picture = report_pictures.picture(ledger)
    return Group(lines, *([Text()] if notes else []), *notes, *picture)


def _nothing(ledger: Report) -> str:
    if ledger.wanted.since or ledger.wanted.until or ledger.wanted.batch:
        return _("no call was made for that, or then")
    run = invocation.command("run", "JOBFILE", "INPUT", "-o", "OUT")
    return _("no call was made yet; start with: {command}").format(command=run)


def _label_columns(ledger: Report) -> list[str]:
    """Returns the label columns; the account only if there are several or it was requested."""
    names = list(dict.fromkeys(name for line in ledger.lines for name in line.labels))
    accounts = {line.labels.get("account") for line in ledger.lines}
    asked = [key.value for key in ledger.wanted.by]
    if len(accounts) == 1 and "account" not in asked:
        names = [name for name in names if name != "account"]
    return names


def _figures(line: ReportLine, outcomes: Sequence[str], last: Sequence[str]) -> list[str]:
    figures = line.figures
    tokens = _("unknown") if figures.tokens is None else fmt.number(figures.tokens)
    cost = fmt.amount(figures.credits, Unit.CREDITS) if line.paid else ""
    left = "" if line.balance is None else fmt.amount(line.balance, Unit.CREDITS)
    spent = "" if line.share is None else fmt.percent(line.spent or 0, line.limit or 1)
    ends = {"credits": cost, "left": left, "spent": spent}
    return [
        fmt.number(figures.calls),
        *(fmt.number(getattr(figures, name)) for name in outcomes),
        fmt.number(figures.rows),
        tokens,
        *(ends[name] for name in last),
    ]


def _notes(ledger: Report) -> list[Text]:
    """Returns the notes below the table: time zones, rows per call, and unknown figures."""
    figures = ledger.total.figures
    per_call = figures.rows_per_call or 0
    full = _("{per_call:.1f} rows a call").format(per_call=per_call) if per_call > 1 else ""
    still = (
        _("{calls} still open").format(calls=fmt.count(figures.in_flight, "call"))
        if figures.in_flight
        else ""
    )
    uncounted = figures.uncounted
    untold = (
        _("the tokens of {calls} are unknown").format(calls=fmt.count(uncounted, "call"))
        if uncounted
        else ""
    )
    zones = report_words.zones(ledger.zones) if Grouping.HOUR in ledger.wanted.by else []
    return [Text(note, "dim") for note in (*zones, full, untold, still) if note]


def daily(days: Sequence[DayReport]) -> RenderableType:
    """Renders the ledger of a rehearsal by day, with its total."""
    numbers = (
        _("Calls"),
        _("Succeeded"),
        _("Failed"),
        _("Throttled"),
        _("Rows"),
        _("Tokens"),
        _("Spent"),
    )
    lines = table(_("Day"), *numbers, right=numbers)
    for day in days:
        lines.add_row(day.day, *_day_figures([day]))
    lines.add_section()
    lines.add_row(_("TOTAL"), *_day_figures(days), style="bold")
    return lines


def _day_figures(days: Sequence[DayReport]) -> list[str]:
    sums = (
        sum(day.calls for day in days),
        sum(day.succeeded for day in days),
        sum(day.failed for day in days),
        sum(day.throttled for day in days),
        sum(day.rows for day in days),
    )
    tokens = [day.tokens for day in days if day.tokens is not None]
    tokens_shown = fmt.number(sum(tokens)) if tokens else _("unknown")
    return [*map(fmt.number, sums), tokens_shown, _share(days)]


def _share(days: Sequence[DayReport]) -> str:
    """Returns the used share of the allowance, including the use of other programs."""
    known = [(d.spent, d.limit) for d in days if d.spent is not None and d.limit]
    if not known:
        return ""
    return fmt.percent(sum(spent for spent, _ in known), sum(limit for _, limit in known))


def written(path: str | Path, rows: int, batch: Batch, answered: int = 0) -> str:
    """Returns a line on an exported file; people have answered `answered` of the failed rows."""
    counts = batch.counts
    failed = counts.failed - answered
    parts = [_("{succeeded} succeeded").format(succeeded=fmt.number(counts.succeeded))]
    parts += [_("{answered} answered by people").format(answered=fmt.number(answered))] * bool(
        answered
    )
    parts += [_("{failed} failed").format(failed=fmt.number(failed))] * bool(failed)
    left = batch.rows - counts.succeeded - counts.failed
    parts += [_("{left} without a result yet").format(left=fmt.number(left))] * bool(left)
    template = _("{path} ({rows}: {parts})")
    return template.format(path=path, rows=fmt.count(rows, "row"), parts=fmt.COMMA.join(parts))
