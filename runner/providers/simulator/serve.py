"""The simulator on a real port, inside the event loop that is already running.

It knows how to start and stop a uvicorn server; it knows nothing of what is served.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import anyio

from runner.errors import ConfigError
from runner.providers.simulator.app import build_app
from runner.providers.simulator.simulator import Simulator

if TYPE_CHECKING:
    import uvicorn

_GRACE_S = 1  # a hung call would otherwise keep the server from ever stopping


async def serve(
    simulator: Simulator,
    host: str,
    port: int,
    *,
    ready: Callable[[int], None],
) -> None:
    """Serve `simulator` until cancelled, or until SIGINT or SIGTERM, on which it returns.

    Signals are listened to only in the main thread, and the handlers found there are put back.
    Calls in flight get one second to end.

    Args:
        simulator: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        ready: Told the real port once connections are accepted.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    listener = _listen(host, port)
    server = _server(simulator, lambda: ready(listener.getsockname()[1]))
    try:
        await server.serve(sockets=[listener])
    except BaseException:
        # Cancelled, uvicorn walks out without closing anything; its connections would outlive it.
        with anyio.CancelScope(shield=True):
            await _close(server, listener)
        raise


async def _close(server: uvicorn.Server, listener: socket.socket) -> None:
    if server.started:
        await server.shutdown(sockets=[listener])
    listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        what = f"cannot listen: {error}"
        raise ConfigError(what, where=f"{host}:{port}", remedy="choose another port") from error


def _server(simulator: Simulator, listening: Callable[[], None]) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 - only those who open a port need it

    class Server(uvicorn.Server):
        """Says when it listens, and takes a signal as a wish to stop, not to die of it."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            listening()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
            # Uvicorn's own raises the signal again once it has stopped, and so kills the process.
            self.force_exit = self.should_exit
            self.should_exit = True

    config = uvicorn.Config(
        build_app(simulator),
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",  # a dropped reply is an error to uvicorn, and a wish of ours
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return Server(config)
