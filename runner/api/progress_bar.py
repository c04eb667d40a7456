"""Draws a progress bar in a terminal or a notebook, with the reason when the run waits."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from threading import Lock, Timer
from typing import Any

from runner.api.batch_progress import BatchProgress, OnProgress
from runner.language import _
from runner.wording import fmt

DRAW_EVERY_S = 0.1
BAR_WIDTH = 30


@contextmanager
def progress_bar(also: OnProgress | None, *, wanted: bool | None) -> Iterator[OnProgress | None]:
    """Yields the progress callback for a run, which draws a bar and calls `also`; or None.

    Args:
        also: The user's callback, or None.
        wanted: Whether to draw a bar; None means in a terminal or a notebook.
    """
    bar = _bar(wanted=wanted)
    if bar is None:
        yield also
        return

    def tell(progress: BatchProgress) -> None:
        bar.show(progress)
        if also is not None:
            also(progress)

    try:
        yield tell
    finally:
        bar.close()


def line_of(progress: BatchProgress) -> str:
    """Returns the text of a bar: ``146 of 300 rows, 2 failed, 9 calls in flight``, or the wait."""
    rows = _("{done} of {rows}").format(
        done=fmt.number(progress.done), rows=fmt.count(progress.rows, "row")
    )
    parts = [rows]
    if progress.failed:
        parts.append(_("{number} failed").format(number=fmt.number(progress.failed)))
    calls = fmt.count(progress.in_flight, "call")
    if progress.in_flight:
        parts.append(_("{calls} in flight").format(calls=calls))
    elif progress.waiting:
        parts.append(progress.waiting)
    elif progress.share == 1:
        parts.append(fmt.count(progress.calls, "call"))
    return ", ".join(parts)


class Bar(ABC):
    """A bar that is drawn at most ten times a second of real time.

    A sooner update is drawn later by a timer, because a run that begins to sleep reports only once.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._timer: Timer | None = None
        self._drawn_at = 0.0
        self._latest: BatchProgress | None = None

    def show(self, progress: BatchProgress) -> None:
        """Shows the progress, immediately or within `DRAW_EVERY_S`."""
        with self._lock:
            self._latest = progress
            early = self._drawn_at + DRAW_EVERY_S - time.monotonic()
            if early <= 0:
                self._draw()
            elif self._timer is None:
                self._timer = Timer(early, self._draw_later)
                self._timer.daemon = True
                self._timer.start()

    def _draw_later(self) -> None:
        with self._lock:
            self._timer = None
            self._draw()

    def _draw(self) -> None:
        if self._latest is not None:
            self._drawn_at = time.monotonic()
            self.draw(self._latest)
            self._latest = None

    @abstractmethod
    def draw(self, progress: BatchProgress) -> None:
        """Draws the bar immediately."""

    def close(self) -> None:
        """Draws a pending update."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._draw()


class TerminalBar(Bar):
    """A bar on standard error, which stays below other output."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console  # only for a bar
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), auto_refresh=False)
        self._live.start()

    def draw(self, progress: BatchProgress) -> None:
        """Draws the bar and its line."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(width=BAR_WIDTH)
        grid.add_column(overflow="fold")
        bar = ProgressBar(1.0, progress.share, width=BAR_WIDTH, style="dim")
        grid.add_row(progress.name, bar, line_of(progress))
        self._live.update(grid, refresh=True)

    def close(self) -> None:
        """Draws a pending update, and leaves the bar on the screen."""
        super().close()
        self._live.stop()


class NotebookBar(Bar):
    """A bar in the output of a notebook cell, drawn with IPython alone."""

    def __init__(self, display: Callable[..., Any]) -> None:
        super().__init__()
        self._display = display
        # Created in the thread of the cell, so that it belongs to the cell's output.
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def draw(self, progress: BatchProgress) -> None:
        """Draws the bar and its line."""
        name, line = escape(progress.name), escape(line_of(progress))
        html = f'{name} <progress max="1" value="{progress.share:.4f}"></progress> {line}'
        text = f"{progress.name}: {progress.share:.0%}, {line_of(progress)}"
        self._handle.update({"text/html": f"<div>{html}</div>", "text/plain": text}, raw=True)


def _bar(*, wanted: bool | None) -> Bar | None:
    display = _notebook_display() if wanted is not False else None
    if display is not None:
        return NotebookBar(display)
    if wanted or (wanted is None and sys.stderr is not None and sys.stderr.isatty()):
        return TerminalBar()
    return None


def _notebook_display() -> Callable[..., Any] | None:
    """Returns IPython's display function in a notebook's kernel, else None."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    if running is None or not hasattr(running, "kernel"):
        return None
    from IPython.display import display  # already loaded here

    return display  # type: ignore[no-any-return,unused-ignore]
