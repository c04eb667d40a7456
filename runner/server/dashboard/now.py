"""The page "now" in live fragments: each batch, today's allowance, the clients."""

from __future__ import annotations

from dataclasses import dataclass

from runner.app.dashboard.live import Overview
from runner.app.status.status import BatchStatus
from runner.core.demand import PASSING
from runner.core.states import BatchState
from runner.engine.progress import Progress
from runner.server.dashboard.live import Fragment
from runner.server.dashboard.pages import render
from runner.store.batches import Batch
from runner.wording import fmt, messages, remarks, shown_windows, wait_messages

_RECENT = 5
_OPEN = (BatchState.LOADING, BatchState.ACTIVE, BatchState.PAUSED)


@dataclass(frozen=True, slots=True)
class BatchView:
    """The current state of a batch for display."""

    batch: Batch
    state: str
    remark: str
    speed: str
    finish: str

    @property
    def ended(self) -> int:
        """The number of finished rows."""
        return self.batch.counts.succeeded + self.batch.counts.failed


def state_of(batch: Batch) -> str:
    """Returns the state of a batch as a word."""
    return "done" if batch.done else batch.state.value


def pieces(overview: Overview) -> list[Fragment]:
    """Returns the fragments of the page."""
    views = batch_views(overview)
    fragments = {f"batch-{view.batch.id}": render("_batch_now.html", view=view) for view in views}
    waiting = [line.waiting for line in overview.status.batches if line.waiting is not None]
    windows = shown_windows.today(overview.status.windows, waiting)
    several = len({window.account for window in windows}) > 1
    today = render("_today.html", windows=windows, several=several, now=overview.status.at)
    batches = render("_batches_now.html", views=views, pieces=fragments)
    listed = [(view.batch.id, view.batch.name, view.state) for view in views]
    return [
        Fragment("summary", render("_summary.html", found=overview, views=views)),
        Fragment("batches", batches, key=repr(listed)),
        *(Fragment(name, html, inside="batches") for name, html in fragments.items()),
        Fragment("today", today),
        Fragment("clients", render("_clients.html", clients=overview.clients)),
    ]


def batch_views(overview: Overview) -> list[BatchView]:
    """Returns the unfinished batches and the last of the others, each group newest first."""
    whole = [line for line in overview.status.batches if line.batch.part_of is None]
    open_ = [line for line in whole if line.batch.state in _OPEN and not line.batch.done]
    ended = [line for line in whole if line not in open_][-_RECENT:]
    return [batch_view(line, overview) for line in (*reversed(open_), *reversed(ended))]


def batch_view(line: BatchStatus, overview: Overview) -> BatchView:
    """Returns the current state of a batch for display."""
    batch, finish = line.batch, ""
    if line.forecast is not None and not batch.done:
        finish = messages.finish(line.forecast, overview.status.at)
    rates = None if batch.done else overview.rates.get(batch.id)
    speed = fmt.speed(rates.rows_a_minute, rates.rows_a_call) if rates else ""
    return BatchView(batch, state_of(batch), _remark(line, overview), speed, finish)


def _remark(line: BatchStatus, overview: Overview) -> str:
    """Returns what a batch waits for: from the engine if it works on the batch, else as stored."""
    progress, now = overview.progress, overview.status.at
    if progress is None or not _works_on(progress, line.batch):
        return remarks.of_batch(line, overview.status)
    own = (waiting for waiting in progress.waiting if waiting.key == line.batch.id)
    waits = [waiting for waiting in own if waiting.cause not in PASSING]
    return "; ".join(wait_messages.waits(waits, now))


def _works_on(progress: Progress, batch: Batch) -> bool:
    return any(each.id == batch.id for each in progress.batches)
