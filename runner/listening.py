"""Serving an ASGI application on a port, inside the event loop that is already running."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import anyio

from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

# A connection may be without a request for so long; for less where there are hardly more to have.
LONGEST_HEAD_S, CROWDED_S = 30.0, 2.0
LOOK_EVERY_S = 1.0
MOST_FILES = 65_536
_GRACE_S = 1  # without a limit, a hung call would keep the server from stopping


def url_of(host: str, port: int) -> str:
    """The address of a server, as one types it."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_app(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    ready: Callable[[int], None],
    until: anyio.Event | None = None,
) -> None:
    """Serve `app` until cancelled, or until it is told to stop. Calls in flight have a second.

    Args:
        app: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 chooses a free one.
        ready: Called with the port once connections are accepted.
        until: Set to stop the server. Without it SIGINT or SIGTERM do; they are handled only in
            the main thread, and the previous handlers are restored.

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
    """Close connections that bring no request: uvicorn would have them open for ever."""
    since: dict[Any, tuple[Any, float]] = {}  # by connection, its last request and the moment
    while True:
        await anyio.sleep(LOOK_EVERY_S)
        now = anyio.current_time()
        found: set[Any] = server.server_state.connections
        is_crowded = len(found) > allowed_connections() // 2
        patience_s = CROWDED_S if is_crowded else LONGEST_HEAD_S
        idle = {}
        for one in list(found):
            last = one.cycle
            if last is None or last.response_complete:
                before = since.get(one)
                idle[one] = before if before is not None and before[0] is last else (last, now)
                if now - idle[one][1] >= patience_s:
                    one.shutdown()
        since = idle


def allowed_connections() -> int:
    """How many files this process may have open; each connection is one."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return MOST_FILES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else MOST_FILES


def allow_more_connections() -> None:
    """Have as many files open as the system lets this process, within reason."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit of its own
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
    # asyncio sets this only on sockets made with IPPROTO_TCP. Without it, every reply that is sent
    # in two segments waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _server(app: ASGIApp, listening: Callable[[], None], *, signals: bool) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 - only a server needs it

    class Server(uvicorn.Server):
        """Reports when it listens, and stops at a signal without raising it again."""

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
            # Uvicorn's own handler raises the signal again after the end, which kills the process.
            self.force_exit = self.should_exit
            self.should_exit = True

    config = uvicorn.Config(
        app,
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
