"""The options of the engine of a process."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.engine.client_caps import ClientCaps


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The options of the engine of a process.

    Attributes:
        max_concurrency: The largest number of calls in flight, over all runs.
        drain_s: How long calls in flight may take to finish after a stop, in seconds.
        client_caps: The daily limits on calls of the server's clients.
        most_failed: The largest share of failed rows, from 0 to 1; a batch above it is paused.
    """

    max_concurrency: int = 256
    drain_s: float = 30.0
    client_caps: ClientCaps = field(default_factory=ClientCaps)
    most_failed: float = 1.0
