"""How a run is to go; it knows nothing of how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.core.admission import Rules
from runner.engine.exchange import Observer, unobserved


@dataclass(frozen=True, slots=True)
class Options:
    """How to run.

    Attributes:
        rules: How to spend a day's budget, and at which hours.
        wait: Sleep until the reset when the allowance is spent, or end.
        only: The batches to work on; None for all.
        max_concurrency: Calls in flight, at most.
        drain_s: How long calls in flight may take to finish after a stop, in seconds.
        patience_ms: How long to go on while no row is brought to an end; None: for ever.
        observer: Shown what was said in each call.
    """

    rules: Rules = field(default_factory=Rules)
    wait: bool = True
    only: frozenset[int] | None = None
    max_concurrency: int = 32
    drain_s: float = 30.0
    patience_ms: int | None = None
    observer: Observer = unobserved
