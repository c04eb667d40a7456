"""The state of the queue, and of the quotas, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.app.accounts.credits import Credits, Purchase
from runner.core.demand import WaitReason
from runner.core.forecast import Forecast
from runner.core.route import Route
from runner.core.window import Window
from runner.store.batches import Batch

if TYPE_CHECKING:
    from runner.app.status.publishing import Published


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch, its wait reason, and its forecast.

    `routes` holds, for each route of its calls, why it waits there; None where it may run.
    `unserved` holds its models if no account serves any of them and calls are still to be made.
    """

    batch: Batch
    waiting: WaitReason | None
    forecast: Forecast | None
    routes: Mapping[Route, WaitReason | None] = field(default_factory=dict)
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
