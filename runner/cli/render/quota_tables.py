"""`midnight quota`: every allowance, and the credits of each account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.responses import QuotaLine
from runner.cli.render.layout import table
from runner.core.gate import ParkReason
from runner.core.window import NEVER, Window
from runner.wording import fmt, messages, shown_windows


def quota(lines: Sequence[QuotaLine], now: int) -> RenderableType:
    """The windows of every account, and the credits it has."""
    shown = shown_windows.in_quota([line.window for line in lines])
    lines = [line for line in lines if line.window in shown]
    kept = any(line.window.reserve for line in lines)
    numbers = ("Limit", "Spent", "In flight", *(["Kept"] if kept else []), "Left", "Resets")
    made = table("Allowance", *numbers, "Source", right=numbers)
    account = model = None
    for line in lines:
        window = line.window
        if (window.account, window.model) != (account, model):
            account, model = window.account, window.model
            made.add_row(Text(f"  {model}" if model else account, "" if model else "bold"))
        made.add_row(*_quota_line(line, now, kept=kept))
    windows = [line.window for line in lines]
    resets = sorted({window.resets_at for window in windows if window.resets_at < NEVER})
    notes = [f"resets at {fmt.when(moment, now)} here" for moment in resets]
    told = (*credit_lines(lines, now), *refusals(windows), Text("; ".join(notes), "dim"))
    return Group(made, Text(), *told)


def credit_lines(lines: Sequence[QuotaLine], now: int) -> list[Text]:
    """A line for each account with credits: its balance, what is frozen, what expires."""
    return [
        Text(f"{line.window.account}: {messages.balance(line.credits, now)}")
        for line in lines
        if line.credits is not None
    ]


def refusals(windows: Iterable[Window]) -> list[Text]:
    """A line for each account that the provider refuses."""
    refused = [window for window in windows if window.gate.reason is ParkReason.REFUSED]
    return [Text(told, "red") for told in dict.fromkeys(map(messages.refused, refused))]


def _quota_line(line: QuotaLine, now: int, *, kept: bool) -> list[str]:
    window = line.window

    def told(value: int | None) -> str:
        return "?" if value is None else fmt.amount(value, window.unit)

    return [
        f"{'    ' if window.model else '  '}{window.unit} {messages.period_name(window.period)}",
        told(window.limit),
        told(window.spent),
        told(window.reserved),
        *([told(window.reserve)] if kept else []),
        told(window.remaining),
        fmt.time_left(line.resets_in_ms) if window.resets_at < NEVER else "",
        _source(window, now),
    ]


def _source(window: Window, now: int) -> str:
    """Where the limit is known from, and since when if it was learned."""
    if window.limit is None:
        return "unknown"
    learned = window.limit_learned_at
    since = "" if learned is None else f" {fmt.when(learned, now)}"
    return f"{window.limit_source.value}{since}"
