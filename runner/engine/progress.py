"""What a watcher is shown of a run: one frozen picture at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runner.core.demand import Waiting
from runner.core.forecast import Forecast
from runner.core.window import Window
from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment. Moments are ms since the epoch, by this machine's clock.

    Attributes:
        at: The moment.
        batches: The batches that are being worked on.
        waiting: What is waited for, when nothing can start; empty while calls start.
        until: The first moment at which something will happen by itself.
        windows: The windows that the batches' calls touch.
        in_flight: Calls under way.
        forecast: When all of it will be finished, if that can be told.
        trouble: What keeps results from being written, if anything.
        stopping: Whether the run is winding up.
        paused: Batches that were being worked on, until they were paused.
    """

    at: int
    batches: tuple[Batch, ...]
    waiting: tuple[Waiting, ...] = ()
    until: int | None = None
    windows: tuple[Window, ...] = ()
    in_flight: int = 0
    forecast: Forecast | None = None
    trouble: str | None = None
    stopping: bool = False
    paused: tuple[Batch, ...] = ()


Watcher = Callable[[Progress], None]
