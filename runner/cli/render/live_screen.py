"""A run on a terminal: a few lines that are kept up to date.

A thread checks four times a second for changes, and draws only those: during a long sleep, the
countdown is drawn once a minute.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType, Segment, Segments
from rich.table import Table
from rich.text import Text

from runner.cli.render.run_view import STOP_HINT, RunView, RunViewer
from runner.clock import Clock, SystemClock
from runner.engine.progress import Progress
from runner.language import _
from runner.wording import fmt

CHECK_EVERY_S = 0.25
CHECKS_WHILE_QUIET = 4  # without new progress, the countdown is checked once a second
BAR_WIDTH = 16
# The terminal width from which on the output is shown beside each batch.
WIDE = 120
MOST_BATCHES = 12


class LiveScreen:
    """A watcher that draws the run; enter it before the run and leave it afterwards."""

    def __init__(self, console: Console, clock: Clock | None = None, hint: str = STOP_HINT) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._viewer = RunViewer(hint=hint)
        self._clock = clock or SystemClock()
        self._latest: Progress | None = None
        self._shown: tuple[RunView, int] | None = None
        self._frame: list[int] = []  # the width of each line on the screen
        self._note: str | None = None
        self._has_news = False
        self._drawing = Lock()
        self._ended = Event()
        self._thread = Thread(target=self._keep_drawing, name="screen", daemon=True)

    def __call__(self, progress: Progress) -> None:
        """Stores the progress, which is drawn within a quarter of a second."""
        self._latest, self._has_news = progress, True

    def say(self, text: str | None) -> None:
        """Shows `text` instead of the hint; None restores the hint."""
        self._note, self._has_news = text, True

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
        # A closed terminal must not end the run.
        with suppress(OSError):
            while not self._ended.wait(CHECK_EVERY_S):
                quiet = 0 if self._has_news else quiet + 1
                if quiet % CHECKS_WHILE_QUIET == 0:
                    self.draw()

    def draw(self) -> None:
        """Draws the run if anything has changed since the last time."""
        with self._drawing:
            self._has_news = False
            if self._latest is None:
                return
            view = self._viewer.view(self._latest, self._clock.now())
            if self._note is not None:
                view = replace(view, hint=self._note)
            options = self._console.options
            width = options.max_width
            if (view, width) != self._shown:
                self._clear_wrapped(width)
                self._shown, frame = (view, width), drawn(view, width)
                lines = [*map(_trimmed, self._console.render_lines(frame, options, pad=False))]
                self._frame = [Segment.get_line_length(line) for line in lines]
                self._live.update(Group(*map(_Line, lines)), refresh=True)

    def _clear_wrapped(self, width: int) -> None:
        """Clears the lines that a narrowed terminal has added.

        The terminal wraps the lines of the last frame that are too long, which rich does not know.
        """
        added = sum(max(0, -(-line // width) - 1) for line in self._frame)
        if added and self._shown is not None and width < self._shown[1]:
            up = (ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)
            self._console.control(
                Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *up * added)
            )


class _Line(Segments):
    """A rendered line."""

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        yield from self.segments
        yield Segment.line()


def _trimmed(line: list[Segment]) -> list[Segment]:
    """Returns a line without trailing blanks, which a narrowed terminal would wrap too."""
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        last = kept.pop()
        kept.append(Segment(last.text.rstrip(), last.style))
    return kept


def drawn(view: RunView, width: int = 80) -> RenderableType:
    """Returns the layout of `view` for `width` columns."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    outputs = () if width >= WIDE or not view.outputs else (view.outputs,)
    _add(grid, _("now"), view.now, "cyan")
    _add(grid, _("speed"), (view.speed,) if view.speed else ())
    _add(grid, _("today"), view.today)
    _add(grid, _("finish"), (view.finish,) if view.finish else ())
    _add(grid, _("output"), outputs)
    if view.trouble:
        grid.add_row(
            _("trouble"),
            Text(_("{trouble}; trying again").format(trouble=view.trouble), "bold red"),
        )
    return Group(_batches(view, width), grid, Text(view.hint, "dim"))


def _batches(view: RunView, width: int) -> RenderableType:
    """Returns a line for each batch, unfinished ones first, up to a maximum."""
    lines = sorted(view.batches, key=lambda line: line.done >= line.rows)
    shown, hidden = lines[:MOST_BATCHES], len(lines) - MOST_BATCHES
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(overflow="ellipsis", no_wrap=True, max_width=max(24, (width - 52) // 2 + 12))
    table.add_column(ratio=1, min_width=BAR_WIDTH)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    if width >= WIDE:
        table.add_column(overflow="ellipsis", no_wrap=True, max_width=width // 4)
    for line in shown:
        failed = (
            Text(_("{failed} failed").format(failed=fmt.number(line.failed)), "red")
            if line.failed
            else Text("")
        )
        table.add_row(
            Text(line.name, "bold"),
            ProgressBar(total=max(1, line.rows), completed=line.done, style="dim"),
            Text(fmt.beside(fmt.out_of(line.done, line.rows), fmt.percent(line.done, line.rows))),
            Text(_("paused"), "yellow") if line.paused else failed,
            *([Text(f"→ {line.output}" if line.output else "")] if width >= WIDE else []),
        )
    more = [
        Text(
            _("and {batches}").format(batches=fmt.count(hidden, "other batch", "other batches")),
            "dim",
        )
    ]
    return Group(table, *more * (hidden > 0))


def _add(grid: Table, name: str, lines: tuple[str, ...], style: str = "") -> None:
    for place, line in enumerate(lines):
        grid.add_row("" if place else name, Text(line, style))
