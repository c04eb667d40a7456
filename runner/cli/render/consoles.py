"""Consoles, and a bar for a step that takes long.

A console has colours and its terminal's width where a person looks, and is plain and wide where a
program reads.
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

# A table that is piped or redirected must not be cut at the width of a terminal that is not there.
PIPED_WIDTH = 160
# A step that is over within so many seconds shows no bar.
BAR_AFTER_S = 1.0

Tick = Callable[[int, int], None]
"""Told how much of a step is done, and of how much."""


class PlainConsole(Console):
    """A console that leaves a closed pipe to the program's top."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise the error that rich would turn into an exit code of its own."""
        raise BrokenPipeError


def console(*, stderr: bool) -> Console:
    """The console on stdout or stderr as they are now."""
    file = sys.stderr if stderr else sys.stdout
    wide = not file.isatty() and "COLUMNS" not in os.environ
    return PlainConsole(
        file=file, width=PIPED_WIDTH if wide else None, highlight=False, emoji=False, markup=False
    )


@contextmanager
def bar(console: Console, label: str) -> Iterator[Tick]:
    """Show a bar once the step takes longer than a second; the function to report progress to."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    began, shown = time.monotonic(), _progress(console)
    task = shown.add_task(label, total=None)

    def tick(done: int, total: int) -> None:
        shown.update(task, completed=done, total=total)
        if not shown.live.is_started and done < total and time.monotonic() - began > BAR_AFTER_S:
            shown.start()

    try:
        yield tick
    finally:
        if shown.live.is_started:
            shown.stop()


def _progress(console: Console) -> Progress:
    from rich.progress import (  # noqa: PLC0415 - only on a terminal
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
