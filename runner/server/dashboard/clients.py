"""The page with the set-up of other programs that use this server."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runner.app.accounts.clients import NOBODY
from runner.app.dashboard.live import LiveOverview
from runner.app.serving.gateway import Gateway
from runner.app.setup import client_setups
from runner.server.dashboard.pages import page
from runner.server.dashboard.visits import Visit

_MOST_MODELS = 5
_KEY = "KEY"


class ClientPages:
    """Handles requests about client programs."""

    def __init__(self, gateway: Gateway, live: LiveOverview) -> None:
        self._gateway = gateway
        self._live = live

    async def setups(self, request: Request, visit: Visit) -> Response:
        """Shows how each program is set up, and what each client has used today."""
        url = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        listed = await self._gateway.models(self._gateway.clients.named(NOBODY))
        models = [model.id for model in listed[:_MOST_MODELS]]
        connection = client_setups.connection(
            url, _KEY if visit.keyed else "", models or [client_setups.EXAMPLE]
        )
        return page(
            "clients.html",
            visit=visit,
            at="clients",
            setups=[
                (name, client_setups.setup(name, connection)) for name in client_setups.PROGRAMS
            ],
            clients=(await self._live.latest()).clients,
        )
