"""The progress of a run, as its watcher receives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runner.core.demand import WaitReason
from runner.core.forecast import Forecast
from runner.core.window import Window
from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment. Moments are ms since the epoch, by this machine's clock.

    Attributes:
        at: The moment.
        batches: The batches of the run with work left.
        waiting: The reasons why no further call can start.
        until: The first moment at which one of them ends; None if none is known.
        windows: The windows that the batches' calls touch.
        in_flight: The number of calls in flight.
        forecast: When all of it will be finished; None if unknown.
        trouble: Why results of the run cannot be written; None if they can.
        stopping: Whether the run is stopping.
        paused: The batches of the run that were paused.
        refused: The accounts that are refused and not called any more, with the reasons.
    """

    at: int
    batches: tuple[Batch, ...]
    waiting: tuple[WaitReason, ...] = ()
    until: int | None = None
    windows: tuple[Window, ...] = ()
    in_flight: int = 0
    forecast: Forecast | None = None
    trouble: str | None = None
    stopping: bool = False
    paused: tuple[Batch, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


Watcher = Callable[[Progress], None]
