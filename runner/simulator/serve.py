"""Serves the simulator on a port, in the running event loop."""

from __future__ import annotations

from collections.abc import Callable

from runner.listening import serve_app
from runner.simulator.app import build_app
from runner.simulator.provider import SimulatedProvider


async def serve(
    provider: SimulatedProvider,
    host: str,
    port: int,
    *,
    ready: Callable[[int], None],
) -> None:
    """Serves `provider` until it is cancelled; returns on SIGINT or SIGTERM.

    Args:
        provider: The provider.
        host: The address to listen on.
        port: The port to listen on; 0 chooses a free one.
        ready: Called with the port once connections are accepted.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    await serve_app(build_app(provider), host, port, ready=ready)
