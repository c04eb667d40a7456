"""What a run has come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.core.demand import WaitReason
from runner.core.stop_reason import StopReason
from runner.store.batches import Batch

if TYPE_CHECKING:
    from runner.app.results.output_keeper import WrittenOutput


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run: its end, its batches, and what they wait for.

    `unserved` holds, by batch, the models that no account serves; `outputs` are the written files.
    """

    stop_reason: StopReason
    batches: tuple[Batch, ...]
    waiting: tuple[WaitReason, ...] = ()
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
