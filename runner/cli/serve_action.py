"""`midnight serve`: runs the server, and returns the exit code."""

from __future__ import annotations

from runner.app.application import Application
from runner.cli import exit_codes
from runner.cli.session import Session, print_json_line
from runner.clock import SystemClock
from runner.core.stop_reason import StopReason
from runner.language import _
from runner.listening import allow_more_connections, url_of
from runner.server.serve import serve


def serve_clients(session: Session, host: str, port: int) -> int:
    """Serves until stopped; the exit code says whether work is left."""

    def ready(real_port: int) -> None:
        url = url_of(host, real_port)
        if session.json:
            print_json_line({"listening": url})
        session.err.print(_("Listening on {url}").format(url=url), style="bold", highlight=False)
        session.err.print(_("  dashboard: {url}/").format(url=url), highlight=False, soft_wrap=True)
        told = _(
            "  base URL for clients: {url}/v1; Ctrl-C stops it, once calls in flight have ended"
        ).format(url=url)
        session.err.print(told, highlight=False, soft_wrap=True)

    async def main() -> bool:
        async with session.open() as midnight:
            stop_reason = await serve(midnight, host, port, ready=ready)
            queued = [one for one in await midnight.batches() if not one.over]
            return stop_reason is not StopReason.DONE and bool(queued)

    allow_more_connections()
    left = session.run(main)
    if not session.json:
        told = _("stopped; what is queued goes on with: {serve}, or: {run}")
        session.print(told.format(serve=session.command("serve"), run=session.command("run")))
    return exit_codes.WORK_LEFT if left else exit_codes.DONE


async def add_key(midnight: Application, name: str) -> str:
    """Creates a key for a client."""
    return await midnight.gateway().clients.add_key(name, SystemClock().now())
