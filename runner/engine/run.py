"""A run: a request to drain some batches with some options, which waits until it ends.

The engine works for all runs at once. Each ends on its own: when its batches have no work left,
when it was asked to stop, or when it does not wait for what its batches wait for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import anyio

from runner.core.demand import Rules, WaitReason
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine.call import Observer
from runner.engine.progress import Watcher
from runner.errors import RunnerError
from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run.

    Attributes:
        only: The ids of the batches to work on; None for all.
        rules: How to spend a day's budget, and at which hours.
        waits_for: What to wait for when no call can be made.
        held: The batches of the run that a person had paused before it.
        patience_ms: How long to go on while no row ends, in ms; None for ever.
        watcher: Called with the progress from time to time.
        forecasts: Whether the progress includes a forecast.
        observer: Called with the trace of each call.
    """

    only: frozenset[int] | None = None
    rules: Rules = field(default_factory=Rules)
    waits_for: WaitsFor = WaitsFor.ALLOWANCE
    held: tuple[Batch, ...] = ()
    patience_ms: int | None = None
    watcher: Watcher | None = None
    forecasts: bool = True
    observer: Observer | None = None


class Run:
    """One run, from its beginning to its end."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.stopping = False
        self.is_known = False  # whether the queue was read since it came
        self.deadline = float("inf")  # of the loop's time, once it is stopping
        self.stop_reason: StopReason | None = None
        self.failure: RunnerError | None = None
        self.waiting: tuple[WaitReason, ...] = ()
        self.over = anyio.Event()
        self.shown_at = float("-inf")
        self.paused: dict[int, Batch] = {batch.id: batch for batch in options.held}
        self._seen: set[int] = set()
        self.noted_at = float("-inf")  # when the batches that departed were last looked up
        self._left, self._left_since = -1, 0

    def covers(self, batch_id: int) -> bool:
        """Whether the run includes this batch."""
        return self.options.only is None or batch_id in self.options.only

    def concerns(self, batch: Batch) -> bool:
        """Whether the run works on this batch; on a trial only if the run names it.

        The run of a trial observes its calls, and must not miss those that another run would make.
        """
        return self.covers(batch.id) and (self.options.only is not None or not batch.is_trial)

    @property
    def is_held(self) -> bool:
        """Whether it waits for batches that a person has paused."""
        waits = self.options.waits_for >= WaitsFor.PEOPLE
        return waits and any(not b.pause_reason for b in self.paused.values())

    def stop(self, deadline: float) -> None:
        """Lets no further call start; those in flight are given up at `deadline` (s, loop's time).

        The deadline of the first stop counts.
        """
        if not self.stopping:
            self.stopping, self.deadline = True, deadline

    def end(self, stop_reason: StopReason, failure: RunnerError | None = None) -> None:
        """Ends the run, and wakes those who wait for it."""
        self.stop_reason, self.failure = stop_reason, failure
        self.over.set()

    def see(self, batch_ids: Collection[int]) -> None:
        """Notes batches that have been present, so that they are among the `departed` ones."""
        self._seen.update(filter(self.covers, batch_ids))

    def departed(self, present: Collection[int]) -> set[int]:
        """Returns the batches that were present once and are not among these, until `forget`."""
        now = {batch_id for batch_id in present if self.covers(batch_id)}
        self._seen |= now
        for batch_id in now & self.paused.keys():
            del self.paused[batch_id]
        return self._seen - now

    def forget(self, departed: Collection[int]) -> None:
        """Forgets these batches, which are present no more."""
        self._seen.difference_update(departed)

    def stalled(self, own: Sequence[Batch], now: int) -> bool:
        """Whether no row has ended for the run's whole patience."""
        left = sum(batch.counts.unfinished for batch in own)
        if left != self._left:
            self._left, self._left_since = left, now
        patience = self.options.patience_ms
        return patience is not None and now - self._left_since > patience
