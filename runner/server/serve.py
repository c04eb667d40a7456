"""Runs `midnight serve`: one engine for clients and the queue, and the HTTP server."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from runner import invocation
from runner.app.application import Application
from runner.app.dashboard.drafts import Drafts
from runner.app.dashboard.live import LiveOverview
from runner.app.serving.gateway import Gateway
from runner.core.stop_reason import StopReason
from runner.errors import ConfigError, RunnerError
from runner.language import _
from runner.listening import serve_app
from runner.server.access import Access, is_loopback
from runner.server.app import ServerApp
from runner.server.dashboard.site import Dashboard
from runner.threads import beside

ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - it is recognised, not chosen


async def serve(
    midnight: Application,
    host: str,
    port: int,
    *,
    ready: Callable[[int], None],
    attended: bool = True,
    on_start: Callable[[Callable[[], None]], None] = lambda _stop: None,
) -> StopReason:
    """Serves until stopped; calls in flight then finish, up to a deadline.

    Args:
        midnight: The application.
        host: Address to listen on.
        port: Port to listen on; 0 chooses a free one.
        ready: Called with the port once connections are accepted.
        attended: Whether a person has started it, as in `Application.run`.
        on_start: Called with a function that stops it.

    Raises:
        ConfigError: The address cannot be listened on, or requires keys and there are none.
        RunnerError: The engine has failed.
    """
    gateway = midnight.gateway()
    live = LiveOverview(midnight, gateway)
    drafts = Drafts(midnight, midnight.clock, live.changed)
    app = await _application(midnight, gateway, live, drafts, host)
    stopped, stop_reason = anyio.Event(), StopReason.STOPPED
    failure: RunnerError | None = None

    async def run() -> None:
        nonlocal stop_reason, failure
        try:
            stop_reason = await midnight.run_for_clients(on_start, live.watch, attended=attended)
        except RunnerError as error:
            failure = error
        stopped.set()

    async with beside(run, gateway.batch_worker.work, drafts.work, app.work):
        await serve_app(app, host, port, ready=ready, until=stopped)
    if failure is not None:
        raise failure
    return stop_reason


async def _application(
    midnight: Application, gateway: Gateway, live: LiveOverview, drafts: Drafts, host: str
) -> ServerApp:
    """Returns the ASGI application for an address.

    Raises:
        ConfigError: The address can be reached from other machines, and there is no key.
    """
    await gateway.clients.read()
    if not is_loopback(host) and not gateway.clients.need_keys:
        what = _("beyond this machine only clients with a key are served, and there is no key yet")
        add = invocation.command("serve", "key", "add", "NAME")
        remedy = _("make one: {command}; or listen on 127.0.0.1").format(command=add)
        raise ConfigError(what, where=f"--host {host}", remedy=remedy)
    settings = gateway.settings.serve
    hosts = None if host in ANY_ADDRESS else {host, *settings.hosts}
    access = Access(gateway.clients, hosts, settings.cors_origins)
    return ServerApp(gateway, access, Dashboard(midnight, gateway, live, drafts))
