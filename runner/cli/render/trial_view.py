"""A trial: the prompt, the reply and the answers of each call, side by side."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from runner.app.trial import Trial
from runner.engine.call import CallTrace
from runner.wording import trial_messages

NARROW = 100  # columns; with fewer the panels are stacked


def shown(found: Trial, width: int, now: int) -> RenderableType:
    """The whole of a trial, for a console of `width` columns."""
    parts: list[RenderableType] = []
    for number, each in trial_messages.calls_to_show(found):
        title = Text(trial_messages.title(found, each, number), "bold")
        parts += [title, _panels(found, each, width), Text()]
    return Group(*parts, *map(Text, trial_messages.without_call(found)), _end(found, now))


def _panels(found: Trial, each: CallTrace, width: int) -> RenderableType:
    panels = [
        Panel(Text(text), title=title, title_align="left", border_style="dim")
        for title, text in trial_messages.said(found, each)
    ]
    if width < NARROW:
        return Group(*panels)
    grid = Table.grid(expand=True)
    for ratio in (4, 3, 3):
        grid.add_column(ratio=ratio, overflow="fold")
    grid.add_row(*panels)
    return grid


def _end(found: Trial, now: int) -> Text:
    told = trial_messages.end(found, now)
    if found.ran.left:
        return Text(told, "bold yellow")
    return Text(told, "yellow" if found.ran.failed else "green")
