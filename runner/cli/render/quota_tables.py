"""`midnight quota`: every quota, and the credits of each account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.app.status.status import QuotaLine
from runner.cli.render.layout import table
from runner.core.calendar import NEVER
from runner.core.gate import ParkReason
from runner.core.window import Window
from runner.language import _
from runner.wording import fmt, messages, shown_windows, words


def quota(lines: Sequence[QuotaLine], now: int) -> RenderableType:
    """Renders the windows of every account, and its credits."""
    shown = shown_windows.in_quota([line.window for line in lines])
    lines = [line for line in lines if line.window in shown]
    kept = any(line.window.reserve for line in lines)
    numbers = (
        _("Limit"),
        _("Spent"),
        _("In flight"),
        *([_("Kept")] if kept else []),
        _("Left"),
        _("Resets"),
    )
    names = (_("Allowance"), *numbers, _("Source"))
    rows = [_quota_line(line, now, kept=kept) for line in lines]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    parts: list[RenderableType] = [_rows([], names, widths, header=True)]
    owners = [(line.window.account, line.window.model) for line in lines]
    for (account, model), group in groupby(range(len(lines)), owners.__getitem__):
        # A name may be wider than its column, so it has its own line.
        parts.append(Text(f"  {model}" if model else account, "" if model else "bold"))
        parts.append(_rows([rows[place] for place in group], names, widths, header=False))
    windows = [line.window for line in lines]
    resets = sorted({window.resets_at for window in windows if window.resets_at < NEVER})
    notes = [_("resets at {when} here").format(when=fmt.when(moment, now)) for moment in resets]
    notes_below = (
        *credit_lines(lines, now),
        *refusals(windows),
        Text(fmt.SEMICOLON.join(notes), "dim"),
    )
    return Group(*parts, Text(), *notes_below)


def _rows(
    rows: Sequence[Sequence[str]], names: Sequence[str], widths: Sequence[int], *, header: bool
) -> Table:
    """Returns some rows of one table, with the column widths of the whole table."""
    lines = table(*names, right=names[1:-1])
    lines.show_header = header
    lines.collapse_padding = True
    for column, width in zip(lines.columns, widths, strict=True):
        column.min_width, column.no_wrap = width, True
    for row in rows:
        lines.add_row(*row)
    return lines


def credit_lines(lines: Sequence[QuotaLine], now: int) -> list[Text]:
    """Returns a line for each account with credits: its balance, frozen part and next expiry."""
    return [
        Text(f"{line.window.account}: {messages.balance(line.credits, now)}")
        for line in lines
        if line.credits is not None
    ]


def refusals(windows: Iterable[Window]) -> list[Text]:
    """Returns a line for each account that the provider refuses."""
    refused = [window for window in windows if window.gate.reason is ParkReason.REFUSED]
    return [Text(line, "red") for line in dict.fromkeys(map(messages.refused, refused))]


def _quota_line(line: QuotaLine, now: int, *, kept: bool) -> list[str]:
    window = line.window

    def shown(value: int | None) -> str:
        return "?" if value is None else fmt.amount(value, window.unit)

    return [
        ("    " if window.model else "  ") + messages.counted(window.unit, window.period),
        shown(window.limit),
        shown(window.spent),
        shown(window.reserved),
        *([shown(window.reserve)] if kept else []),
        shown(window.remaining),
        fmt.time_left(line.resets_in_ms) if window.resets_at < NEVER else "",
        _source(window, now),
    ]


def _source(window: Window, now: int) -> str:
    """Returns the source of the limit, and when it was learned."""
    if window.limit is None:
        return _("unknown")
    learned = window.limit_learned_at
    since = "" if learned is None else f" {fmt.when(learned, now)}"
    return f"{words.SOURCES[window.limit_source]}{since}"
