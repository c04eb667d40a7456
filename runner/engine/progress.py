"""What a watcher is shown of a run: one frozen picture at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from runner.core.admission import Waiting
from runner.core.forecast import Forecast
from runner.core.window import Window
from runner.store.batches import Batch


class Ending(StrEnum):
    """Why a run ended."""

    DONE = "done"  # nothing is left to do
    STOPPED = "stopped"  # asked to
    SPENT = "spent"  # today's allowance is gone, and it was asked not to wait
    STALLED = "stalled"  # nothing came of it for as long as it was to try


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment. Moments are ms since the epoch, by this machine's clock.

    Attributes:
        at: The moment.
        batches: The batches that are being worked on.
        waiting: What is awaited, when nothing can start; empty while calls start.
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


def nobody(_progress: Progress) -> None:
    """The watcher of a run that nobody watches."""
