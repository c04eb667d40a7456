"""A run: somebody wants some batches drained, in a certain way, and waits for the end of it.

The engine works for all runs at once. Each ends by itself: when nothing of its batches is left,
when it was asked to stop, or when what its batches wait for is not worth waiting for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import anyio

from runner.core.demand import Rules, Waiting
from runner.core.ending import Ending
from runner.engine.call import Observer
from runner.engine.progress import Watcher
from runner.errors import RunnerError
from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is wanted of a run.

    Attributes:
        only: The batches to work on; None for all.
        rules: How to spend a day's budget, and at which hours.
        wait: Whether to sleep until the reset when the allowance is spent.
        hold: Whether to wait, with nothing else to do, until a batch that a person has paused is
            resumed.
        forever: Whether to wait for work that somebody queues, once there is none.
        held: Batches that the run is about, and that somebody had paused before.
        patience_ms: How long to go on while no row is brought to an end; None: for ever.
        watcher: Shown what happens, from time to time.
        forecasts: Whether the watcher is told when all will be finished.
        observer: Shown what was said in each call.
        lasting: Whether it goes on when nothing is left, until it is stopped.
    """

    only: frozenset[int] | None = None
    rules: Rules = field(default_factory=Rules)
    wait: bool = True
    hold: bool = False
    forever: bool = False
    held: tuple[Batch, ...] = ()
    patience_ms: int | None = None
    watcher: Watcher | None = None
    forecasts: bool = True
    observer: Observer | None = None
    lasting: bool = False


class Run:
    """One run, from its beginning to its end."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.stopping = False
        self.is_known = False  # to the turn that is taken
        self.deadline = float("inf")  # of the loop's time, once it is stopping
        self.ending: Ending | None = None
        self.failure: RunnerError | None = None
        self.waiting: tuple[Waiting, ...] = ()
        self.over = anyio.Event()
        self.shown_at = float("-inf")
        self.paused: dict[int, Batch] = {batch.id: batch for batch in options.held}
        self._met: frozenset[int] = frozenset()
        self._left, self._left_since = -1, 0

    def covers(self, batch_id: int) -> bool:
        """Whether the run is about this batch."""
        return self.options.only is None or batch_id in self.options.only

    def concerns(self, batch: Batch) -> bool:
        """Whether the run asks for this batch: for a trial only one that names it.

        Whoever looks on wants to be shown all that is said, from the first call on.
        """
        return self.covers(batch.id) and (self.options.only is not None or not batch.is_trial)

    @property
    def is_held(self) -> bool:
        """Whether a person has paused batches of it, and may resume them."""
        return self.options.hold and any(not b.pause_reason for b in self.paused.values())

    def end(self, ending: Ending, failure: RunnerError | None = None) -> None:
        """The run is over."""
        self.ending, self.failure = ending, failure
        self.over.set()

    def gone(self, present: Collection[int]) -> list[int]:
        """The batches that were worked on and are not `present` any more."""
        now = frozenset(batch_id for batch_id in present if self.covers(batch_id))
        gone = sorted(self._met - now)
        self._met = now
        for batch_id in now & self.paused.keys():
            del self.paused[batch_id]
        return gone

    def stalled(self, own: Sequence[Batch], now: int) -> bool:
        """Whether no row was brought to an end for as long as the run is to try."""
        left = sum(batch.counts.unfinished for batch in own)
        if left != self._left:
            self._left, self._left_since = left, now
        patience = self.options.patience_ms
        return patience is not None and now - self._left_since > patience
