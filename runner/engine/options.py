"""How the engine of a process works."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.engine.client_caps import ClientCaps


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the engine of a process works.

    Attributes:
        max_concurrency: Calls in flight, at most, of the whole process.
        drain_s: How long calls in flight may take to finish after a stop, in seconds.
        client_caps: What the clients of the server may make in a day.
    """

    max_concurrency: int = 256
    drain_s: float = 30.0
    client_caps: ClientCaps = field(default_factory=ClientCaps)
