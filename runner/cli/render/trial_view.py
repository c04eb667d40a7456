"""A trial: the prompt, the reply and the answers of each call, side by side."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from runner.app.previews.trial import Trial
from runner.engine.call import CallTrace
from runner.wording import trial_messages

NARROW = 100  # columns; with fewer the panels are stacked


def shown(trial: Trial, width: int, now: int) -> RenderableType:
    """Renders a trial for a console of `width` columns."""
    parts: list[RenderableType] = []
    for number, trace in trial_messages.calls_to_show(trial):
        title = Text(trial_messages.title(trial, trace, number), "bold")
        parts += [title, _panels(trial, trace, width), Text()]
    return Group(*parts, *map(Text, trial_messages.without_call(trial)), _end(trial, now))


def _panels(trial: Trial, trace: CallTrace, width: int) -> RenderableType:
    panels = [
        Panel(Text(text), title=title, title_align="left", border_style="dim")
        for title, text in trial_messages.texts_of(trial, trace)
    ]
    if width < NARROW:
        return Group(*panels)
    grid = Table.grid(expand=True)
    for ratio in (4, 3, 3):
        grid.add_column(ratio=ratio, overflow="fold")
    grid.add_row(*panels)
    return grid


def _end(trial: Trial, now: int) -> Text:
    sentence = trial_messages.end(trial, now)
    if trial.ran.left:
        return Text(sentence, "bold yellow")
    return Text(sentence, "yellow" if trial.ran.failed else "green")
