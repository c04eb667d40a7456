"""What chance brings to one call, drawn all at once when it arrives.

It knows probabilities only. Every call draws the same number of times, so the luck of the n-th
call depends on the seed and n, never on what befell the calls before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from runner.providers.simulator.config import (
    ENVELOPES,
    FAULT_KINDS,
    Envelope,
    FaultKind,
    SimulatorConfig,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Luck:
    """One call's draws.

    Attributes:
        latency_ms: How long its answer takes.
        fault: What goes wrong with it, if anything.
        variant: From 0 up to but not including 1; chooses among the looks of one fault.
        envelope: The shape of its error body, should it get one.
        id_inside: Whether ``request_id`` sits inside that envelope or beside it.
        whim: From 0 up to but not including 1; what `dice` are sown from.
    """

    latency_ms: int
    fault: FaultKind | None
    variant: float
    envelope: Envelope
    id_inside: bool
    whim: float

    def choose(self, options: Sequence[T]) -> T:
        """Return the one of `options` that `variant` points at."""
        return options[int(self.variant * len(options))]

    def dice(self, purpose: str) -> Random:
        """Return a source of draws for `purpose` alone: as many as it likes, all of this call."""
        return Random(f"{purpose}:{self.whim}")  # noqa: S311 - must be repeatable, not secret


def draw(config: SimulatorConfig, random: Random) -> Luck:
    """Draw the luck of the next call."""
    latency, fault, variant, envelope, inside = (random.random() for _ in range(5))
    least, most = config.latency_ms
    return Luck(
        latency_ms=least + int(latency * (most - least + 1)),
        fault=laid_end_to_end(FAULT_KINDS, config.faults, fault),
        variant=variant,
        envelope=_envelope(config, envelope),
        id_inside=inside < 0.5,  # noqa: PLR2004
        whim=inside * 2 % 1,  # what the draw above leaves unused
    )


def laid_end_to_end(kinds: Sequence[T], shares: Mapping[str, float], drawn: float) -> T | None:
    """Lay the shares of `kinds` end to end from 0 and return the kind `drawn` falls on, if any."""
    edge = 0.0
    for kind in kinds:
        edge += shares.get(str(kind), 0.0)
        if drawn < edge:
            return kind
    return None


def _envelope(config: SimulatorConfig, drawn: float) -> Envelope:
    if config.envelope == "mixed":
        return ENVELOPES[int(drawn * len(ENVELOPES))]
    return config.envelope
