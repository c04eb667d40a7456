"""What the program answers when it is asked: frozen values, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.app.credits import Credits, Purchase
from runner.core.demand import Waiting
from runner.core.ending import Ending
from runner.core.forecast import Forecast
from runner.core.route import Route
from runner.core.window import Window
from runner.store.batches import Batch

if TYPE_CHECKING:
    from runner.app.lineage import Resemblance
    from runner.app.outputs import Written
    from runner.app.publishing import Published


@dataclass(frozen=True, slots=True)
class Submitted:
    """A batch in the queue; `created` is False when it was there before.

    `replaces` tells of the batch before, which it replaces; `retried` is how many of its failed
    rows were queued again.
    """

    batch: Batch
    created: bool
    forecast: Forecast
    replaces: Resemblance | None = None
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended, how the batches it worked on stand, and what they wait for.

    `unserved` has, by batch, the models of those that no account serves; `outputs` are the files
    that their results were written to.
    """

    ending: Ending
    batches: tuple[Batch, ...]
    waiting: tuple[Waiting, ...] = ()
    unserved: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    outputs: tuple[Written, ...] = ()

    @property
    def left(self) -> int:
        """Jobs that still need a call."""
        return sum(batch.left for batch in self.batches)

    @property
    def failed(self) -> int:
        """Jobs that came to no answer."""
        return sum(batch.counts.failed for batch in self.batches)


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch, what it waits for, and when it will be finished.

    `routes` tells of each route that its calls may take what holds it back there, if anything.
    `unserved` has its models if no account serves any of them, and calls are still to be made.
    """

    batch: Batch
    waiting: Waiting | None
    forecast: Forecast | None
    routes: Mapping[Route, Waiting | None] = field(default_factory=dict)
    unserved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """The queue at one moment (ms since the epoch)."""

    at: int
    batches: tuple[BatchStatus, ...]
    windows: tuple[Window, ...]
    runners: int  # at work on this database now
    set_aside: int = 0  # settlements that could not be stored
    purchases: tuple[Purchase, ...] = ()  # what the credits pay for
    published: tuple[Published, ...] = ()  # what the runners at work say of themselves


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """One window and when it resets; of credits, what their balance was."""

    window: Window
    resets_in_ms: int
    credits: Credits | None = None
