"""Serving the simulator on a port, inside the event loop that is already running."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import anyio

from runner.errors import ConfigError
from runner.simulator.app import build_app
from runner.simulator.provider import SimulatedProvider

if TYPE_CHECKING:
    import uvicorn

_GRACE_S = 1  # without a limit, a hung call would keep the server from stopping


async def serve(
    provider: SimulatedProvider,
    host: str,
    port: int,
    *,
    ready: Callable[[int], None],
) -> None:
    """Serve `provider` until cancelled, or until SIGINT or SIGTERM, on which it returns.

    Signals are handled only in the main thread, and the previous handlers are restored. Calls in
    flight have one second to end.

    Args:
        provider: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 chooses a free one.
        ready: Called with the port once connections are accepted.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    listener = _listen(host, port)
    server = _server(provider, lambda: ready(listener.getsockname()[1]))
    try:
        await server.serve(sockets=[listener])
    except BaseException:
        # When cancelled, uvicorn leaves its port and its connections open.
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
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        what = f"cannot listen: {error}"
        raise ConfigError(what, where=f"{host}:{port}", remedy="choose another port") from error
    # asyncio sets this only on sockets made with IPPROTO_TCP. Without it, every reply that is sent
    # in two segments waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _server(provider: SimulatedProvider, listening: Callable[[], None]) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 - only a served simulator needs it

    class Server(uvicorn.Server):
        """Reports when it listens, and stops at a signal without raising it again."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            listening()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
            # Uvicorn's own handler raises the signal again after the end, which kills the process.
            self.force_exit = self.should_exit
            self.should_exit = True

    config = uvicorn.Config(
        build_app(provider),
        http="auto",  # httptools where it is installed, else h11
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",  # uvicorn logs a dropped reply as an error
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return Server(config)
