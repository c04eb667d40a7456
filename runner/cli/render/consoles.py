"""Consoles, and a progress bar for slow steps.

A console has colours and the terminal's width for people, and is plain and wide when its output is
piped.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

# Without a terminal, tables must not be cut at a default width.
PIPED_WIDTH = 160
# The duration from which on a step shows a bar.
BAR_AFTER_S = 1.0

Tick = Callable[[int, int], None]
"""Called with the completed amount of a step and the total."""


class PlainConsole(Console):
    """A console that raises on a closed pipe, for the top level to handle."""

    def on_broken_pipe(self) -> NoReturn:
        """Raises an error, where rich would exit with its own exit code."""
        raise BrokenPipeError


def console(*, stderr: bool) -> Console:
    """Returns a console for the current stdout or stderr."""
    file = sys.stderr if stderr else sys.stdout
    wide = not file.isatty() and "COLUMNS" not in os.environ
    return PlainConsole(
        file=file, width=PIPED_WIDTH if wide else None, highlight=False, emoji=False, markup=False
    )


@contextmanager
def bar(console: Console, label: str) -> Iterator[Tick]:
    """Shows a bar if the step takes longer than a second; yields the progress function."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    began, progress = time.monotonic(), _progress(console)
    task = progress.add_task(label, total=None)

    def tick(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)
        if not progress.live.is_started and done < total and time.monotonic() - began > BAR_AFTER_S:
            progress.start()

    try:
        yield tick
    finally:
        if progress.live.is_started:
            progress.stop()


def _progress(console: Console) -> Progress:
    from rich.progress import (  # only on a terminal
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, refresh_per_second=4)
