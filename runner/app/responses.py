"""Frozen values that the application returns to its callers."""

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
    from runner.app.outputs import WrittenOutput
    from runner.app.publishing import Published


@dataclass(frozen=True, slots=True)
class Submitted:
    """A queued batch; `created` is False if it was queued before.

    `replaces` describes the earlier batch that it replaces; `retried` is the number of its failed
    rows that were queued again.
    """

    batch: Batch
    created: bool
    forecast: Forecast
    replaces: Resemblance | None = None
    retried: int = 0


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run: its end, its batches, and what they wait for.

    `unserved` holds, by batch, the models that no account serves; `outputs` are the written files.
    """

    ending: Ending
    batches: tuple[Batch, ...]
    waiting: tuple[Waiting, ...] = ()
    unserved: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    outputs: tuple[WrittenOutput, ...] = ()

    @property
    def left(self) -> int:
        """The number of jobs that still need a call."""
        return sum(batch.left for batch in self.batches)

    @property
    def failed(self) -> int:
        """The number of failed jobs."""
        return sum(batch.counts.failed for batch in self.batches)


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch, its wait reason, and its forecast.

    `routes` holds, for each route of its calls, why it waits there; None where it may run.
    `unserved` holds its models if no account serves any of them and calls are still to be made.
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
    runners: int  # active on this database now
    set_aside: int = 0  # settlements that could not be stored
    purchases: tuple[Purchase, ...] = ()  # what the credits pay for
    published: tuple[Published, ...] = ()  # the progress that active runners publish


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """A window and the time until its reset in ms; for a window of credits, with the balance."""

    window: Window
    resets_in_ms: int
    credits: Credits | None = None
