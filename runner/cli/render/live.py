"""A run on a terminal: a few lines that keep themselves up to date.

A thread looks four times a second for something new, and draws only what has changed: while the
runner sleeps until midnight the countdown is drawn once a minute.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runner.cli.render import words
from runner.cli.render.picture import Painter, Picture
from runner.clock import SystemClock
from runner.engine.progress import Progress

LOOK_EVERY_S = 0.25
LOOKS_WHILE_QUIET = 4  # without news, the countdown is reckoned once a second
BAR_WIDTH = 24


class Screen:
    """A watcher that draws; to be entered before the run and left after it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._painter = Painter()
        self._clock = SystemClock()
        self._latest: Progress | None = None
        self._shown: tuple[Picture, int] | None = None
        self._news = False
        self._ended = Event()
        self._thread = Thread(target=self._keep_drawing, name="screen", daemon=True)

    def __call__(self, progress: Progress) -> None:
        """Take note of what happens; it is drawn soon."""
        self._latest, self._news = progress, True

    def __enter__(self) -> Self:
        self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            self._live.stop()

    def _keep_drawing(self) -> None:
        quiet = 0
        # A terminal that is gone ends the drawing, not the run.
        with suppress(OSError):
            while not self._ended.wait(LOOK_EVERY_S):
                quiet = 0 if self._news else quiet + 1
                if quiet % LOOKS_WHILE_QUIET == 0:
                    self._draw()

    def _draw(self) -> None:
        self._news = False
        if self._latest is None:
            return
        picture = self._painter.paint(self._latest, self._clock.now())
        if (picture, self._console.width) != self._shown:
            self._shown = picture, self._console.width
            self._live.update(drawn(picture), refresh=True)


def drawn(picture: Picture) -> RenderableType:
    """`picture` laid out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("rows", _rows(picture))
    _add(grid, "today", picture.today)
    _add(grid, "now", picture.now, "cyan")
    if picture.finish:
        grid.add_row("finish", Text(picture.finish))
    if picture.trouble:
        grid.add_row("trouble", Text(f"{picture.trouble}; trying again", "bold red"))
    return Group(Text(picture.title, "bold"), grid, Text(picture.hint, "dim"))


def _rows(picture: Picture) -> RenderableType:
    line = Table.grid(padding=(0, 2))
    line.add_row(
        ProgressBar(total=max(1, picture.rows), completed=picture.done, width=BAR_WIDTH),
        Text(
            f"{words.of(picture.done, picture.rows)} ({words.percent(picture.done, picture.rows)})"
        ),
        Text(f"{words.number(picture.failed)} failed", "red" if picture.failed else "dim"),
    )
    return line


def _add(grid: Table, name: str, lines: tuple[str, ...], style: str = "") -> None:
    for place, line in enumerate(lines):
        grid.add_row("" if place else name, Text(line, style))
