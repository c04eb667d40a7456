"""What a submission has become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.core.forecast import Forecast
from runner.store.batches import Batch

if TYPE_CHECKING:
    from runner.app.submitting.lineage import Resemblance


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
