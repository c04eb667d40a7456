"""What was done: the calls of each day, the rows that failed, the file that was written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from runner.cli.render import fmt
from runner.cli.render.layout import table
from runner.core.window import Unit
from runner.store.batch_rows import Failure
from runner.store.batches import Batch
from runner.store.reports import DayReport


def report(days: Sequence[DayReport], *, by_model: bool = False) -> RenderableType:
    """The ledger by day, and its total."""
    if not days:
        return Text("no call was made yet; start with: midnight run JOBFILE INPUT -o OUT")
    paid = any(found.credits is not None for found in days)
    last = ("Credits", "Left") if paid else ("Spent",)
    numbers = ("Calls", "Succeeded", "Failed", "Throttled", "Rows", "Tokens", *last)
    made = table("Day", *numbers, right=numbers)
    made.collapse_padding = paid  # or a column more would not fit
    several = len({found.account for found in days}) > 1
    for label, of_day in groupby(days, lambda d: f"{d.day} {d.account}" if several else d.day):
        if by_model:
            made.add_row(label)
        for found in of_day:
            shown = Text(f"  {found.model}") if by_model else label
            made.add_row(shown, *_figures([found], paid=paid))
    made.add_section()
    made.add_row("TOTAL", *_figures(days, paid=paid), style="bold")
    notes = _notes(days)
    return Group(made, Text(), *notes) if notes else made


def _notes(days: Sequence[DayReport]) -> list[Text]:
    """Below the table: how many rows a call had, and how many calls are still open."""
    rows, calls = sum(d.rows for d in days), sum(d.succeeded for d in days)
    full = f"{rows / calls:.1f} rows a call" if rows > calls > 0 else ""
    open_calls = sum(found.in_flight for found in days)
    still = f"{fmt.count(open_calls, 'call')} still open" if open_calls else ""
    uncounted = sum(found.uncounted for found in days)
    untold = f"the tokens of {fmt.count(uncounted, 'call')} are unknown" if uncounted else ""
    return [Text(note, "dim") for note in (full, untold, still) if note]


def _figures(days: Sequence[DayReport], *, paid: bool) -> list[str]:
    sums = (
        sum(found.calls for found in days),
        sum(found.succeeded for found in days),
        sum(found.failed for found in days),
        sum(found.throttled for found in days),
        sum(found.rows for found in days),
    )
    tokens = [found.tokens for found in days if found.tokens is not None]
    told = fmt.number(sum(tokens)) if tokens else "unknown"
    return [*map(fmt.number, sums), told, *(_money(days) if paid else [_share(days)])]


def _money(days: Sequence[DayReport]) -> list[str]:
    """The credits spent, and those left at the end of a day; "" where unknown."""
    costs = [found.credits for found in days if found.credits is not None]
    left = days[0].balance if len(days) == 1 else None
    return [
        fmt.amount(sum(costs), Unit.CREDITS) if costs else "",
        "" if left is None else fmt.amount(left, Unit.CREDITS),
    ]


def _share(days: Sequence[DayReport]) -> str:
    """The share of the allowance that was spent, by us or by others."""
    known = [(d.spent, d.limit) for d in days if d.spent is not None and d.limit]
    if not known:
        return ""
    return fmt.percent(sum(spent for spent, _ in known), sum(limit for _, limit in known))


def failures(found: Sequence[Failure], batch: Batch, retry: str) -> RenderableType:
    """Failed rows, why they failed, and the command that queues them again."""
    if not found:
        return Text(f"no row of {batch.name} (batch {batch.id}) has failed", "green")
    made = table("Row", "Why", "The model said", "Input", right=("Row",))
    for each in found:
        made.add_row(
            fmt.number(each.row),
            Text(fmt.shortened(each.error, 200)),
            Text(fmt.shortened(each.replies[-1] if each.replies else "", 80)),
            Text(fmt.shortened(each.payload, 80), "dim"),
        )
    hidden = batch.counts.failed - len(found)
    more = [Text(f"and {fmt.number(hidden)} more; see them with --limit", "dim")] * (hidden > 0)
    again = Text(f"queue them again with: {retry}", "dim")
    return Group(made, Text(), *more, again)


def written(path: str | Path, rows: int, batch: Batch) -> str:
    """What was exported, in one line."""
    counts = batch.counts
    parts = [f"{fmt.number(counts.succeeded)} succeeded"]
    parts += [f"{fmt.number(counts.failed)} failed"] * bool(counts.failed)
    left = batch.rows - counts.succeeded - counts.failed
    parts += [f"{fmt.number(left)} without a result yet"] * bool(left)
    return f"{path} ({fmt.count(rows, 'row')}: {', '.join(parts)})"
