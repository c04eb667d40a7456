"""A bar for a step that takes long, and nothing for one that does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

PATIENCE_S = 1.0

Tick = Callable[[int, int], None]


@contextmanager
def bar(console: Console, label: str) -> Iterator[Tick]:
    """A function to be told how much is done and of how much; it shows after a second."""
    columns = (TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn())
    shown = Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, refresh_per_second=4
    )
    task = shown.add_task(label, total=None)
    began = time.monotonic()

    def tick(done: int, total: int) -> None:
        shown.update(task, completed=done, total=total)
        if console.is_terminal and not shown.live.is_started:
            late = time.monotonic() - began > PATIENCE_S
            if late and done < total:
                shown.start()

    try:
        yield tick
    finally:
        if shown.live.is_started:
            shown.stop()
