"""Makes all random draws of one call when it arrives.

Every call makes the same number of draws, so the draws of the n-th call depend only on the seed and
on n, not on the calls before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeVar

from runner.simulator.config import ENVELOPES, FAULT_KINDS, Envelope, FaultKind, SimulatorConfig

T = TypeVar("T")


class CallDraws(NamedTuple):
    """The draws of one call.

    Attributes:
        latency_ms: The latency of its answer on a server without load.
        fault: The fault of the call, or None.
        variant: A number in [0, 1) that selects among the variants of a fault.
        envelope: The shape of its error body, if it gets one.
        id_inside: Whether ``request_id`` is inside that envelope or beside it.
        subseed: A number in [0, 1) that seeds the generators of `random_for`.
    """

    latency_ms: int
    fault: FaultKind | None
    variant: float
    envelope: Envelope
    id_inside: bool
    subseed: float

    def choose(self, options: Sequence[T]) -> T:
        """Returns the option that `variant` selects."""
        return options[int(self.variant * len(options))]

    def random_for(self, purpose: str) -> Random:
        """Returns a generator for one purpose, which does not affect other draws."""
        return Random(f"{purpose}:{self.subseed}")  # noqa: S311 - repeatable, not secret


def draw_call(config: SimulatorConfig, random: Random) -> CallDraws:
    """Makes the draws of the next call."""
    next_random = random.random
    latency, fault, variant = next_random(), next_random(), next_random()
    envelope, inside = next_random(), next_random()
    minimum, maximum = config.latency_ms
    return CallDraws(
        minimum + int(latency * (maximum - minimum + 1)),
        pick(FAULT_KINDS, config.faults, fault) if config.faults else None,
        variant,
        ENVELOPES[int(envelope * len(ENVELOPES))]
        if config.envelope == "mixed"
        else config.envelope,
        inside < 0.5,  # noqa: PLR2004
        inside * 2 % 1,  # independent of the draw above
    )


def pick(kinds: Sequence[T], probabilities: Mapping[str, float], drawn: float) -> T | None:
    """Returns the kind that `drawn`, in [0, 1), selects by the probabilities; None for no kind."""
    edge = 0.0
    for kind in kinds:
        edge += probabilities.get(str(kind), 0.0)
        if drawn < edge:
            return kind
    return None
