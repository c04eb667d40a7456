"""The ASGI application of `midnight serve`: routes, and the checks before them."""

from __future__ import annotations

import logging
import re
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from runner.app.accounts.clients import Client
from runner.app.serving.gateway import Gateway
from runner.app.serving.refusals import SERVER, Refusal
from runner.errors import NotFoundError, RunnerError
from runner.language import in_english
from runner.server import openapi
from runner.server.access import Access
from runner.server.batch_routes import BatchRoutes
from runner.server.dashboard.site import Dashboard, is_of_dashboard
from runner.server.proxy import CALLS, Proxy
from runner.server.replies import (
    JSON,
    Problem,
    invalid,
    send_json,
    send_refusal,
    send_whole,
    with_headers,
)

log = logging.getLogger(__name__)

_DEFECT = Refusal(500, "this server has a defect; its log tells more", SERVER)
_VERSION = re.compile(r"^(?:/+v1(?=/|$))*", re.IGNORECASE)


def api_path(path: str) -> str:
    """Returns the canonical path: some clients write the version twice, others leave it out."""
    return "/v1/" + _VERSION.sub("", path).strip("/")


class ServerApp:
    """Handles every request."""

    def __init__(self, gateway: Gateway, access: Access, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._gateway = gateway
        self._access = access
        self._proxy = Proxy(gateway)
        self._batch_routes = BatchRoutes(gateway)

    async def work(self) -> None:
        """Runs the dashboard's background work, until cancelled."""
        await self._dashboard.work()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            return
        if is_of_dashboard(scope["path"]):
            await self._answer_any(scope, receive, send)
            return
        with in_english():
            await self._answer_any(scope, receive, send)

    async def _answer_any(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_dashboard = is_of_dashboard(scope["path"])
        send = send if of_dashboard else with_headers(send, self._access.cors(scope))
        try:
            self._access.check_host(scope)
            if scope["method"] == "OPTIONS":
                await send_whole(send, 204, b"", self._access.preflight(scope))
                return
            if of_dashboard:
                await self._dashboard(scope, receive, send)
                return
            if scope["path"] == openapi.PATH and scope["method"] == "GET":
                await send_whole(send, 200, openapi.document(), [JSON])
                return
            client = await self._access.client(scope)
            await self._answer(client, scope, receive, send)
        except Problem as problem:
            await send_refusal(send, problem.refusal)
        except NotFoundError as error:
            await send_refusal(send, Refusal(404, error.what))
        except RunnerError as error:
            await send_refusal(send, Refusal(503, error.what, SERVER))
        except Exception as error:
            if of_dashboard:
                raise  # it was answered, and logged
            log.exception("a request could not be answered", exc_info=error)
            with suppress(RuntimeError):  # the response has begun; uvicorn breaks it off
                await send_refusal(send, _DEFECT)

    async def _answer(self, client: Client, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = api_path(scope["path"]), scope["method"]
        if path in CALLS and method == "POST":
            await self._proxy.answer(client, scope, receive, send, path)
        elif path == "/v1/models" and method == "GET":
            await send_json(send, await self._models(client))
        elif path.startswith("/v1/models/") and method == "GET":
            await send_json(send, await self._model(client, path[11:]))
        elif path.startswith(("/v1/files", "/v1/batches")):
            await self._batch_routes.answer(client, scope, receive, send, path)
        else:
            raise invalid(f"there is nothing at {method} {scope['path']}", status=404)

    async def _models(self, client: Client) -> dict[str, object]:
        models = await self._gateway.models(client)
        data = [_listed(model.id, model.title) for model in models]
        return {"object": "list", "data": data}

    async def _model(self, client: Client, name: str) -> dict[str, object]:
        for model in await self._gateway.models(client):
            if model.id == name:
                return _listed(model.id, model.title)
        raise invalid(f"the model {name!r} is not listed", status=404, code="model_not_found")


def _listed(name: str, title: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "midnight", "name": title}
