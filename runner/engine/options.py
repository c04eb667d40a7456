"""How the engine of a process works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the engine of a process works.

    Attributes:
        max_concurrency: Calls in flight, at most, of the whole process.
        drain_s: How long calls in flight may take to finish after a stop, in seconds.
    """

    max_concurrency: int = 256
    drain_s: float = 30.0
