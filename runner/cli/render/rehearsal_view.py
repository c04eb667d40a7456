"""A rehearsal in progress, one line for each virtual day, and its result."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from runner.app.previews.rehearsal import Rehearsal
from runner.cli.render import report_tables
from runner.clock import moment
from runner.core.states import Counts
from runner.core.stop_reason import StopReason
from runner.engine.progress import Progress
from runner.language import _
from runner.simulator import DayStats, SimulatedProvider, Stats
from runner.wording import fmt, wait_messages

REFRESH_EVERY_S = 0.25
NO_CALLS = DayStats(calls=0, answered=0, refused=0, spent=0)

DAY_WIDTH = max(10, cell_len(fmt.day("2026-11-24")))


class RehearsalView:
    """A watcher that prints a line at the end of each virtual day, and shows the current time."""

    def __init__(self, console: Console, rows: int) -> None:
        self._console = console
        self._rows = rows
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._provider: SimulatedProvider | None = None
        self._day: str | None = None
        self._counts = Counts()
        self._drawn_at = 0.0

    def provider(self, simulator: SimulatedProvider) -> None:
        """Stores the provider, which counts every call that it receives."""
        self._provider = simulator

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._live.is_started:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Prints the last day if a new one has begun."""
        day = max((w.period_key for w in progress.windows if w.primary), default=self._day)
        if self._day is not None and day != self._day and self._provider:
            self._print_day(self._provider.stats())
        self._day = day
        if progress.batches:
            self._counts = progress.batches[0].counts
        self._draw(progress)

    def finish(self, result: Rehearsal) -> None:
        """Prints the last day."""
        self._counts = result.ran.batches[0].counts
        if self._day is not None:
            self._print_day(result.provider)

    def heading(self) -> None:
        """Prints the names of the columns."""
        line = _grid()
        names = (_("day"), _("calls"), _("answered"), _("refused"), _("rows done"))
        line.add_row(*names, style="bold")
        self._console.print(line)

    def _print_day(self, stats: Stats) -> None:
        seen = stats.by_day.get(self._day or "", NO_CALLS)
        if not seen.calls:
            return
        line = _grid()
        line.add_row(
            fmt.day(self._day or ""),
            fmt.number(seen.calls),
            fmt.number(seen.answered),
            Text(fmt.number(seen.refused), "yellow" if seen.refused else "dim"),
            ProgressBar(total=max(1, self._rows), completed=self._done, width=16, style="dim"),
            fmt.out_of(self._done, self._rows),
        )
        self._console.print(line)

    @property
    def _done(self) -> int:
        return self._counts.succeeded + self._counts.failed

    def _draw(self, progress: Progress) -> None:
        now = time.monotonic()
        if not self._live.is_started or now - self._drawn_at < REFRESH_EVERY_S:
            return
        self._drawn_at = now
        hour = moment(progress.at)
        text = _("it is {when}  {done} rows").format(
            when=fmt.dated(hour, f"{hour:%H:%M}", year=False),
            done=fmt.out_of(self._done, self._rows),
        )
        self._live.update(Text(text, "dim"), refresh=True)


def opening(name: str, model: str, rows: int, start: int) -> RenderableType:
    """Renders the announcement of a rehearsal."""
    begins = moment(start)
    return Group(
        Text(
            _("Rehearsing {name}: {rows} on {model}").format(
                name=name, rows=fmt.count(rows, "row"), model=model
            ),
            "bold",
        ),
        Text(_("A simulated provider in virtual time: no token, no network, no real call.")),
        Text(
            _("It begins on {when} (virtual time)\n").format(
                when=fmt.dated(begins, f"{begins:%H:%M}", year=True)
            ),
            "dim",
        ),
    )


def closing(result: Rehearsal, real_s: float, output: str | None) -> RenderableType:
    """Renders the result of a rehearsal."""
    batch = result.ran.batches[0]
    counts = batch.counts
    days = fmt.count(len({day.day for day in result.days}), "day")
    virtual = fmt.duration(result.ended_at - result.started_at)
    style = "bold yellow" if counts.failed or result.ran.left else "bold green"
    left = _(", {left} left").format(left=fmt.number(result.ran.left)) if result.ran.left else ""
    parts: list[RenderableType] = [
        Text(_("\nThe ledger"), "bold"),
        report_tables.daily(result.days),
        Text(),
        Text(
            _("{rows}: {succeeded} succeeded, {failed} failed{left}").format(
                rows=fmt.count(batch.rows, "row"),
                succeeded=fmt.number(counts.succeeded),
                failed=fmt.number(counts.failed),
                left=left,
            ),
            style,
        ),
        Text(
            _("{days} of allowance, {virtual} of virtual time, in {real:.1f} s").format(
                days=days, virtual=virtual, real=real_s
            )
        ),
        _agreement(result),
    ]
    if result.ran.stop_reason is StopReason.STALLED:
        why = fmt.SEMICOLON.join(wait_messages.waits(result.ran.waiting, result.ended_at))
        parts.append(
            Text(
                _("It would never end: no row was done for two weeks. {why}").format(why=why),
                "bold red",
            )
        )
    parts += [Text(_("written to {output}").format(output=output))] if output else []
    parts.append(Text(_("Nothing real was spent: every answer above is made up."), "dim"))
    return Group(*parts)


def _agreement(result: Rehearsal) -> Text:
    """Returns whether the ledger has every call that the provider received."""
    ledger, provider = sum(day.calls for day in result.days), result.provider.calls
    if ledger == provider:
        return Text(
            _("The ledger and the provider agree: {calls}.").format(calls=fmt.count(ledger, "call"))
        )
    return Text(
        _("The ledger has {calls}, the provider saw {provider}.").format(
            calls=fmt.count(ledger, "call"), provider=fmt.number(provider)
        ),
        "yellow",
    )


def _grid() -> Table:
    """Returns the columns of a day's line: the day, its calls, their outcomes, and the progress."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=DAY_WIDTH)
    for width in (7, 8, 7):
        grid.add_column(width=width, justify="right")
    return grid
