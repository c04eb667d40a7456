"""A run without a terminal: timestamped lines, few enough to be read the next morning."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import tzinfo

from rich.console import Console

from runner.cli.render.run_view import RunView, RunViewer
from runner.clock import moment
from runner.core.demand import PASSING, WaitReason
from runner.core.gate import ParkReason
from runner.engine.progress import Progress
from runner.language import _
from runner.wording import fmt, messages, wait_messages

PROGRESS_EVERY_MS = 30_000
# Shorter waits are not logged: they may follow every call.
SHORT_WAIT_MS = 15_000
# Without a network these alternate all night: each is logged once until new rows are finished.
PROBE = "probe"
RECURRING = frozenset({PROBE, ParkReason.OFFLINE})
# The maximum number of different refusal messages that are logged.
MOST_REFUSALS = 3

Awaited = tuple[str, str, str, int | None]


class RunLog:
    """A watcher that writes a line for each important change."""

    def __init__(self, console: Console, zone: tzinfo | None = None) -> None:
        self._console = console
        self._zone = zone
        self._viewer = RunViewer(zone)
        self._logged_at: int | None = None
        self._logged_rows = ""
        self._awaited: frozenset[Awaited] = frozenset()
        self._recurring: frozenset[Awaited] = (
            frozenset()
        )  # those logged since the last finished row
        self._refusals: set[str] = set()  # the messages of refusals, also of short waits
        self._trouble: str | None = None
        self._stopping = False
        self._paused: frozenset[int] = frozenset()

    def __call__(self, progress: Progress) -> None:
        """Writes what is new in `progress`, if anything."""
        view = self._viewer.view(progress, progress.at)
        # A closed stream must not end the run.
        with suppress(OSError):
            self._log_rows(progress, view)
            self._log_troubles(progress, view)
            self._log_pauses(progress)
            self._log_waits(progress)

    def _log_rows(self, progress: Progress, view: RunView) -> None:
        at = progress.at
        if self._logged_at is None and progress.batches:
            output = _("; output {outputs}").format(outputs=view.outputs) if view.outputs else ""
            self._write(
                at,
                _("started: {title}; {rows}{output}").format(
                    title=view.title, rows=self._rows(view), output=output
                ),
            )
        elif self._logged_at is None or abs(at - self._logged_at) < PROGRESS_EVERY_MS:
            return
        elif view.rows_done != self._logged_rows:
            self._write(at, self._rows(view))
            self._recurring = frozenset()
        else:
            return
        self._logged_at, self._logged_rows = at, view.rows_done

    def _rows(self, view: RunView) -> str:
        finish = _("finish {finish}").format(finish=view.finish) if view.finish else ""
        today = _("today {today}").format(today=fmt.COMMA.join(view.today)) if view.today else ""
        return fmt.SEMICOLON.join(
            part for part in (view.rows_done, view.speed, today, finish) if part
        )

    def _log_troubles(self, progress: Progress, view: RunView) -> None:
        if progress.trouble and progress.trouble != self._trouble:
            self._write(
                progress.at, _("trouble: {trouble}; trying again").format(trouble=progress.trouble)
            )
        if progress.stopping and not self._stopping:
            self._write(progress.at, view.now[0])
        self._trouble, self._stopping = progress.trouble, progress.stopping

    def _log_pauses(self, progress: Progress) -> None:
        for batch in progress.paused:
            if batch.id not in self._paused:
                self._write(progress.at, messages.paused(batch))
        self._paused = frozenset(batch.id for batch in progress.paused)

    def _log_waits(self, progress: Progress) -> None:
        worth = [
            reason for reason in progress.waiting if self._is_worth_logging(reason, progress.at)
        ]
        awaited = frozenset(map(_identity, worth))
        if progress.stopping or awaited <= self._awaited | self._recurring:
            return
        recurring = frozenset(each for each in awaited if each[0] in RECURRING)
        self._awaited, self._recurring = awaited - recurring, self._recurring | recurring
        for sentence in wait_messages.waits(worth, progress.at, self._zone):
            self._write(progress.at, sentence)

    def _is_worth_logging(self, reason: WaitReason, at: int) -> bool:
        """Whether the wait is long, or the first with this message of the provider."""
        new = reason.cause == ParkReason.THROTTLED and self._is_new(reason.why)
        short = reason.until is not None and reason.until - at < SHORT_WAIT_MS
        return reason.cause not in PASSING and (new or not short)

    def _is_new(self, why: str) -> bool:
        """Whether a message is new, ignoring the numbers and ids in it."""
        words = " ".join(re.findall(r"[^\W\d_]{3,}", why))
        new = bool(words) and words not in self._refusals and len(self._refusals) < MOST_REFUSALS
        if new:
            self._refusals.add(words)
        return new

    def _write(self, at: int, text: str) -> None:
        stamp = f"{moment(at, self._zone):%Y-%m-%d %H:%M:%S}"
        self._console.print(f"{stamp}  {text}", soft_wrap=True)


def _identity(reason: WaitReason) -> Awaited:
    """Returns a key, equal for waits with the same sentence; the next call's time is ignored."""
    window = reason.window
    place = (window.account + window.model, window.period_key) if window else ("", "")
    if window and window.gate.probe_in_flight:
        return PROBE, *place, None
    passing = reason.cause in ("pace", "due", ParkReason.OFFLINE)
    return reason.cause, *place, None if passing else reason.until
