"""The page "now", in pieces that change by themselves: each batch, today's allowance, clients."""

from __future__ import annotations

from dataclasses import dataclass

from runner.app.live import Overview
from runner.app.responses import BatchStatus
from runner.core.demand import WaitCause
from runner.core.states import BatchState
from runner.engine.progress import Progress
from runner.server.dashboard.live import Piece
from runner.server.dashboard.pages import render
from runner.store.batches import Batch
from runner.wording import fmt, messages, remarks, shown_windows, wait_messages

# What holds calls back for a moment, while others are under way.
PASSING = frozenset({WaitCause.IN_FLIGHT, WaitCause.CONCURRENCY, WaitCause.RATE})
_RECENT = 5
_OPEN = (BatchState.LOADING, BatchState.ACTIVE, BatchState.PAUSED)


@dataclass(frozen=True, slots=True)
class BatchView:
    """What is shown of a batch now."""

    batch: Batch
    state: str
    remark: str
    speed: str
    finish: str

    @property
    def ended(self) -> int:
        """Rows that have their result or their failure."""
        return self.batch.counts.succeeded + self.batch.counts.failed


def state_of(batch: Batch) -> str:
    """Where a batch stands, in a word."""
    return "done" if batch.done else batch.state.value


def pieces(found: Overview) -> list[Piece]:
    """The pieces of the page."""
    views = batch_views(found)
    made = {f"batch-{one.batch.id}": render("_batch_now.html", view=one) for one in views}
    waiting = [line.waiting for line in found.status.batches if line.waiting is not None]
    windows = shown_windows.today(found.status.windows, waiting)
    several = len({window.account for window in windows}) > 1
    today = render("_today.html", windows=windows, several=several, now=found.status.at)
    batches = render("_batches_now.html", views=views, pieces=made)
    listed = [(one.batch.id, one.batch.name, one.state) for one in views]
    return [
        Piece("summary", render("_summary.html", found=found, views=views)),
        Piece("batches", batches, key=repr(listed)),
        *(Piece(name, html, inside="batches") for name, html in made.items()),
        Piece("today", today),
        Piece("clients", render("_clients.html", clients=found.clients)),
    ]


def batch_views(found: Overview) -> list[BatchView]:
    """The batches with work, and the latest of the others; the newest first."""
    whole = [line for line in found.status.batches if line.batch.part_of is None]
    open_ = [line for line in whole if line.batch.state in _OPEN and not line.batch.done]
    ended = [line for line in whole if line not in open_][-_RECENT:]
    return [batch_view(line, found) for line in (*reversed(open_), *reversed(ended))]


def batch_view(line: BatchStatus, found: Overview) -> BatchView:
    """What is shown of a batch."""
    batch, finish = line.batch, ""
    if line.forecast is not None and not batch.done:
        finish = messages.finish(line.forecast, found.status.at)
    rates = None if batch.done else found.rates.get(batch.id)
    speed = fmt.speed(rates.rows_a_minute, rates.rows_a_call) if rates else ""
    return BatchView(batch, state_of(batch), _remark(line, found), speed, finish)


def _remark(line: BatchStatus, found: Overview) -> str:
    """What a batch waits for: as the engine says if it works on the batch, else as it is stored."""
    progress, now = found.progress, found.status.at
    if progress is None or not _works_on(progress, line.batch):
        return remarks.of_batch(line, found.status)
    own = (one for one in progress.waiting if one.key == line.batch.id)
    waits = [one for one in own if one.cause not in PASSING]
    return "; ".join(wait_messages.waits(waits, now))


def _works_on(progress: Progress, batch: Batch) -> bool:
    return any(one.id == batch.id for one in progress.batches)
