"""The view of a run at one moment: texts and numbers, without layout.

The progress of a run contains unfinished batches only. The others are remembered here, so that the
number of finished rows never decreases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from runner.app.status.rates import Rates
from runner.core.window import Window
from runner.engine.progress import Progress
from runner.language import _
from runner.path_text import to_path
from runner.store.batches import Batch
from runner.wording import credit_messages, fmt, messages, shown_windows, wait_messages

STOP_HINT = _("Ctrl-C: finish the calls in flight and stop")
STOP_NOW_HINT = _("Ctrl-C again: stop at once; nothing is lost, calls in flight count as spent")


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch of a run: its name, its rows, and its output file."""

    name: str
    done: int
    rows: int
    failed: int
    output: str = ""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class RunView:
    """The contents of the view. Equal views look the same."""

    title: str
    batches: tuple[BatchLine, ...]
    now: tuple[str, ...]
    speed: str
    today: tuple[str, ...]
    finish: str
    trouble: str | None
    hint: str

    @property
    def done(self) -> int:
        """The number of finished rows in all batches."""
        return sum(line.done for line in self.batches)

    @property
    def rows(self) -> int:
        """The number of rows in all batches."""
        return sum(line.rows for line in self.batches)

    @property
    def failed(self) -> int:
        """The number of failed rows in all batches."""
        return sum(line.failed for line in self.batches)

    @property
    def outputs(self) -> str:
        """The output files."""
        return ", ".join(line.output for line in self.batches if line.output)

    @property
    def rows_done(self) -> str:
        """``4,000 of 8,400 rows done, 10 failed``."""
        failed = (
            _(", {failed} failed").format(failed=fmt.number(self.failed)) if self.failed else ""
        )
        return _("{done} rows done{failed}").format(
            done=fmt.out_of(self.done, self.rows), failed=failed
        )


class RunViewer:
    """Creates the views of one run; `hint` says how to stop it."""

    def __init__(self, zone: tzinfo | None = None, hint: str = STOP_HINT) -> None:
        self._zone = zone
        self._hint = hint
        self._batches: dict[int, Batch] = {}
        self._windows: tuple[Window, ...] = ()
        self._days: dict[str, None] = {}
        self._rates = Rates()

    def view(self, progress: Progress, now: int) -> RunView:
        """Returns the view of `progress` at `now` (ms since the epoch)."""
        self._remember(progress)
        paused = {batch.id for batch in progress.paused}
        known = self._batches.values()
        return RunView(
            title=", ".join(map(messages.titled, known)),
            batches=tuple(_line(batch, paused=batch.id in paused) for batch in known),
            now=self._now(progress, now),
            speed=fmt.speed(self._rates.rows_a_minute, self._rates.rows_a_call),
            today=tuple(
                messages.window_lines(shown_windows.today(self._windows, progress.waiting))
            ),
            finish=self._finish(progress, now),
            trouble=progress.trouble,
            hint=STOP_NOW_HINT if progress.stopping else self._hint,
        )

    def _remember(self, progress: Progress) -> None:
        known = (*progress.paused, *progress.batches)
        self._rates.add(progress.at, known)
        self._batches.update({batch.id: batch for batch in known})
        self._windows = progress.windows or self._windows
        self._days.update(
            {
                window.period_key: None
                for window in self._windows
                if window.primary and window.period_key
            }
        )

    def _now(self, progress: Progress, now: int) -> tuple[str, ...]:
        in_flight = _("{calls} in flight").format(calls=fmt.count(progress.in_flight, "call"))
        if progress.stopping:
            return (_("stopping: {flying}, starting nothing new").format(flying=in_flight),)
        awaited = wait_messages.waits(progress.waiting, now, self._zone)
        lines = [*map(messages.paused, progress.paused), *awaited]
        return (*([in_flight] if progress.in_flight or not lines else []), *lines)

    def _finish(self, progress: Progress, now: int) -> str:
        forecast = progress.forecast
        if forecast is None or (progress.paused and not progress.batches):
            return ""
        if (hindrance := wait_messages.hindrance(progress.waiting)) is not None:
            return _("unknown while {hindrance}").format(hindrance=hindrance)
        text = messages.finish(forecast, now, self._zone)
        if due := credit_messages.login_due(forecast, now, self._zone):
            text = f"{text}{fmt.SEMICOLON}{due}"
        # The forecast's days do not include a day whose allowance is spent.
        days = len(self._days) + forecast.days - (forecast.today != 0)
        if not self._days or not forecast.days or days == 1:
            return text
        return _("{text}; today is day {day} of {days}").format(
            text=text, day=len(self._days), days=days
        )


def _line(batch: Batch, *, paused: bool) -> BatchLine:
    counts = batch.counts
    output = fmt.place(to_path(batch.output)) if batch.output else ""
    name = _("{name} (batch {id})").format(name=batch.name, id=batch.id)
    done = counts.succeeded + counts.failed
    return BatchLine(name, done, batch.rows, counts.failed, output, paused)
