"""The ASGI application of the simulator: its routes, and the endpoints that are free of charge."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from runner.simulator.call_routes import CALL_PATHS, CallRoute
from runner.simulator.date_header import DateHeader, DateStamp
from runner.simulator.poll_routes import PollRoutes
from runner.simulator.provider import SimulatedProvider
from runner.simulator.requests import bearer_token

_MODEL_CREATED_S = 1_735_689_600  # an arbitrary date


def build_app(provider: SimulatedProvider) -> ASGIApp:
    """Returns the ASGI application of `provider`."""
    return _SimulatorApp(provider)


class _SimulatorApp:
    """Routes calls directly, because that is faster, and all other requests through Starlette."""

    def __init__(self, provider: SimulatedProvider) -> None:
        stamp = DateStamp(provider.now)
        self._calls = {
            path: CallRoute(provider, reader, stamp) for path, reader in CALL_PATHS.items()
        }
        free, polls = _FreeRoutes(provider), PollRoutes(provider)
        routes = [
            *(Route(path, route, methods=["POST"]) for path, route in self._calls.items()),
            Route("/v1/tasks/{task_id}", polls.task),
            Route("/images/{name}", polls.image),
            Route("/v1/models", free.models),
            Route("/openapi/v1/magicubes/balance", free.balance),
            Route("/api/v1/inference/list_model_providers", free.prices),
            Route("/simulator/stats", free.stats),
        ]
        self._others = Starlette(routes=routes, middleware=[Middleware(DateHeader, stamp=stamp)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            route = self._calls.get(scope["path"])
            if route is not None:
                await route(scope, receive, send)
                return
        await self._others(scope, receive, send)


class _FreeRoutes:
    """The endpoints that are free and have no latency."""

    def __init__(self, provider: SimulatedProvider) -> None:
        self._provider = provider

    async def models(self, _request: Request) -> Response:
        """Lists the models; like the real provider, without a valid token."""
        models = [
            {"id": model, "object": "model", "created": _MODEL_CREATED_S, "owned_by": "system"}
            for model in self._provider.config.models
        ]
        return _json({"object": "list", "data": models})

    async def balance(self, request: Request) -> Response:
        """Returns the credits of a token; it is the only way to check a token without a call."""
        token = bearer_token(request.headers.get("authorization"))
        if token is None or not self._provider.config.accepts(token):
            return self._error(401, "InvalidAuthentication", "The token is invalid or has expired.")
        balance = self._provider.balance(token)
        if balance is None:
            return self._error(404, "NotFound", "There are no credits here.")
        data = {
            "total_balance": _number(balance.available + balance.frozen),
            "available_balance": _number(balance.available),
            "frozen_amount": _number(balance.frozen),
        }
        request_id = self._provider.new_request_id()
        return _json({"success": True, "request_id": request_id, "data": data})

    async def prices(self, request: Request) -> Response:
        """Returns the price of a call of a model; a model that is not offered has none."""
        config, model = self._provider.config, request.query_params.get("ModelId", "")
        if config.credits is None:
            return self._error(404, "NotFound", "There are no credits here.")
        offered = model in config.models if config.models else bool(model)
        providers = [{"EstimatedMagicGrainCost": _number(config.price(model))}] if offered else []
        return _json({"Data": {"Providers": providers}})

    async def stats(self, _request: Request) -> Response:
        """Returns the counts of the calls so far; no real provider has this endpoint."""
        return _json(self._provider.stats())

    def _error(self, status: int, code: str, message: str) -> Response:
        request_id = self._provider.new_request_id()
        fields = {"success": False, "request_id": request_id, "code": code, "message": message}
        return _json(fields, status)


def _number(amount: float) -> float:
    """Returns an amount of credits as the provider writes it, as 250 or 249.5."""
    rounded = round(amount, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
