"""Serving the simulator on a port, inside the event loop that is already running."""

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
    """Serve `provider` until cancelled, or until SIGINT or SIGTERM, on which it returns.

    Args:
        provider: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 chooses a free one.
        ready: Called with the port once connections are accepted.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    await serve_app(build_app(provider), host, port, ready=ready)
