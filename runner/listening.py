"""Serves an ASGI application on a port, in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import anyio

from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

# Idle connections are closed after this time, or sooner when file descriptors are scarce.
LONGEST_HEAD_S, CROWDED_S = 30.0, 2.0
CHECK_EVERY_S = 1.0
MOST_FILES = 65_536
_GRACE_S = 1  # a call that hangs must not prevent the shutdown


def url_of(host: str, port: int) -> str:
    """Returns the URL of a server; an IPv6 host is put in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_app(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    ready: Callable[[int], None],
    until: anyio.Event | None = None,
) -> None:
    """Serves `app` until it is cancelled or stopped; calls in flight have a second to finish.

    Args:
        app: The application.
        host: The address to listen on.
        port: The port to listen on; 0 chooses a free one.
        ready: Called with the port once connections are accepted.
        until: The event that stops the server. Without it SIGINT and SIGTERM do; they are handled
            only in the main thread, and the previous handlers are restored.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    listener = _listen(host, port)
    server = _server(app, lambda: ready(listener.getsockname()[1]), signals=until is None)
    try:
        async with anyio.create_task_group() as tasks:
            if until is not None:
                tasks.start_soon(_stop, server, until)
            tasks.start_soon(_close_half_open, server)
            await server.serve(sockets=[listener])
            tasks.cancel_scope.cancel()
    except BaseException:
        # When cancelled, uvicorn leaves its port and its connections open.
        with anyio.CancelScope(shield=True):
            await _close(server, listener)
        raise


async def _stop(server: uvicorn.Server, until: anyio.Event) -> None:
    await until.wait()
    server.should_exit = True


async def _close_half_open(server: uvicorn.Server) -> None:
    """Closes idle connections, on which uvicorn would wait for a request for ever."""
    since: dict[Any, tuple[Any, float]] = {}  # by connection: its last request, and the time
    while True:
        await anyio.sleep(CHECK_EVERY_S)
        now = anyio.current_time()
        connections: set[Any] = server.server_state.connections
        is_crowded = len(connections) > allowed_connections() // 2
        limit_s = CROWDED_S if is_crowded else LONGEST_HEAD_S
        idle = {}
        for connection in list(connections):
            last = connection.cycle
            if last is None or last.response_complete:
                before = since.get(connection)
                is_same = before is not None and before[0] is last
                idle[connection] = before if before is not None and is_same else (last, now)
                if now - idle[connection][1] >= limit_s:
                    connection.shutdown()
        since = idle


def allowed_connections() -> int:
    """Returns the number of files that this process may open; each connection is one."""
    try:
        import resource  # not on Windows
    except ImportError:
        return MOST_FILES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else MOST_FILES


def allow_more_connections() -> None:
    """Raises the limit of open files to the most that the system allows, up to `MOST_FILES`."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # macOS has another, lower limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _close(server: uvicorn.Server, listener: socket.socket) -> None:
    if server.started:
        await server.shutdown(sockets=[listener])
    listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        what = _("cannot listen: {error}").format(error=error)
        raise ConfigError(what, where=f"{host}:{port}", remedy=_("choose another port")) from error
    # asyncio sets this only on sockets that were created with IPPROTO_TCP. Without it, every reply
    # that is sent in two segments waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _protocol() -> type[asyncio.Protocol] | Literal["h11"]:
    """Returns the protocol over httptools if that is installed, else uvicorn's over h11."""
    try:
        from runner.request_heads import BoundedHead
    except ImportError:
        return "h11"
    return BoundedHead


def _server(app: ASGIApp, listening: Callable[[], None], *, signals: bool) -> uvicorn.Server:
    import uvicorn  # only a server needs it

    class Server(uvicorn.Server):
        """Reports when it accepts connections, and does not raise a signal again after it stops."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            listening()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            if signals:
                with super().capture_signals():
                    yield
            else:
                yield

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
            # uvicorn's own handler raises the signal again at the end, which kills the process.
            self.force_exit = self.should_exit
            self.should_exit = True

    config = uvicorn.Config(
        app,
        http=_protocol(),
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
