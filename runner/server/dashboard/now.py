"""The page "now", in pieces that change by themselves: each batch, today's allowance, clients."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio

from runner.app.live import LiveOverview, Overview
from runner.app.responses import BatchStatus
from runner.core.demand import WaitCause
from runner.core.states import BatchState
from runner.engine.progress import Progress
from runner.server.dashboard.pages import render
from runner.store.batches import Batch
from runner.wording import fmt, messages, remarks, shown_windows, wait_messages

EVERY_S = 1.0
KEEP_ALIVE_S = 15.0
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


def pieces(found: Overview) -> dict[str, str]:
    """By the name of its event, the HTML of each piece of the page."""
    views = batch_views(found)
    made = {f"batch-{one.batch.id}": render("_batch_now.html", view=one) for one in views}
    waiting = [line.waiting for line in found.status.batches if line.waiting is not None]
    windows = shown_windows.today(found.status.windows, waiting)
    several = len({window.account for window in windows}) > 1
    return {
        "summary": render("_summary.html", found=found, views=views),
        "batches": render("_batches_now.html", views=views, pieces=made),
        **made,
        "today": render("_today.html", windows=windows, several=several, now=found.status.at),
        "clients": render("_clients.html", clients=found.clients),
    }


def structure(found: Overview) -> str:
    """What the list of batches is made of: while it stays, only figures change."""
    listed = [(one.batch.id, one.batch.name, one.state) for one in batch_views(found)]
    return hashlib.sha256(repr(listed).encode("utf-8", "replace")).hexdigest()[:16]


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


async def events(live: LiveOverview, seen: str) -> AsyncIterator[bytes]:
    """The pieces as events, each when it has changed; `seen` is the structure of the list."""
    known: dict[str, str] = {}
    sent_at = anyio.current_time()
    while True:
        found = await live.latest()
        now, made = structure(found), pieces(found)
        chosen = _changed(known, made, is_new=now != seen)
        seen, known = now, made
        for name, html in chosen.items():
            yield event(name, html)
        if chosen:
            sent_at = anyio.current_time()
        elif anyio.current_time() - sent_at >= KEEP_ALIVE_S:
            sent_at = anyio.current_time()
            yield b": still here\n\n"
        await anyio.sleep(EVERY_S)


def _changed(known: dict[str, str], made: dict[str, str], *, is_new: bool) -> dict[str, str]:
    """What to send: a list that has changed as a whole, else the figures of each batch."""
    return {
        name: html
        for name, html in made.items()
        if known.get(name) != html
        and (is_new if name == "batches" else not (is_new and name.startswith("batch-")))
    }


def event(name: str, html: str) -> bytes:
    """One event; a lone carriage return would end a line of it."""
    lines = html.replace("\r", "&#13;").split("\n")
    data = "".join(f"data: {line}\n" for line in lines)
    return f"event: {name}\n{data}\n".encode("utf-8", "replace")
