"""The simulator's doors: which path and method leads where.

It knows HTTP; every decision about a call is the simulator's, and is obeyed here.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.providers.simulator.calls import (
    CallEndpoint,
    form_of_chat,
    form_of_embedding,
    form_of_image,
)
from runner.providers.simulator.dating import DateHeader
from runner.providers.simulator.looks import Looks
from runner.providers.simulator.requests import bearer
from runner.providers.simulator.simulator import Simulator

_MODEL_CREATED_S = 1_735_689_600  # the day is of no interest to anyone


def build_app(simulator: Simulator) -> Starlette:
    """Return the ASGI application that answers for `simulator`."""
    doors, looks = _Doors(simulator), Looks(simulator)
    calls = {
        "/v1/chat/completions": form_of_chat,
        "/v1/embeddings": form_of_embedding,
        "/v1/images/generations": form_of_image,
    }
    routes = [
        *(
            Route(path, CallEndpoint(simulator, form), methods=["POST"])
            for path, form in calls.items()
        ),
        Route("/v1/tasks/{task_id}", looks.task),
        Route("/images/{name}", looks.image),
        Route("/v1/models", doors.models),
        Route("/openapi/v1/magicubes/balance", doors.balance),
        Route("/api/v1/inference/list_model_providers", doors.prices),
        Route("/simulator/stats", doors.stats),
    ]
    return Starlette(routes=routes, middleware=[Middleware(DateHeader, now=simulator.now)])


class _Doors:
    """The endpoints that cost nothing and take no time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def models(self, _request: Request) -> Response:
        """List what is offered, to anyone at all: the real one asks for no valid token either."""
        offered = [
            {"id": model, "object": "model", "created": _MODEL_CREATED_S, "owned_by": "system"}
            for model in self._simulator.config.models
        ]
        return _json({"object": "list", "data": offered})

    async def balance(self, request: Request) -> Response:
        """Tell a valid token its credits, if there are any: the only free way to check one."""
        token = bearer(request.headers.get("authorization"))
        if token is None or not self._simulator.config.accepts(token):
            return self._refusal(
                401, "InvalidAuthentication", "The token is invalid or has expired."
            )
        funds = self._simulator.funds(token)
        if funds is None:
            return self._refusal(404, "NotFound", "There are no credits here.")
        data = {
            "total_balance": _whole(funds.available + funds.frozen),
            "available_balance": _whole(funds.available),
            "frozen_amount": _whole(funds.frozen),
        }
        request_id = self._simulator.request_id()
        return _json({"success": True, "request_id": request_id, "data": data})

    async def prices(self, request: Request) -> Response:
        """Tell anyone what a call of a model costs; a model that nobody serves has no price."""
        config, model = self._simulator.config, request.query_params.get("ModelId", "")
        if config.credits is None:
            return self._refusal(404, "NotFound", "There are no credits here.")
        offered = model in config.models if config.models else bool(model)
        providers = [{"EstimatedMagicGrainCost": _whole(config.price(model))}] if offered else []
        return _json({"Data": {"Providers": providers}})

    async def stats(self, _request: Request) -> Response:
        """Show what the simulator has seen; no real provider is so frank."""
        return _json(self._simulator.stats())

    def _refusal(self, status: int, code: str, message: str) -> Response:
        request_id = self._simulator.request_id()
        fields = {"success": False, "request_id": request_id, "code": code, "message": message}
        return _json(fields, status)


def _whole(amount: float) -> float:
    """Return an amount of credits as the provider writes it: 250, but 249.5."""
    rounded = round(amount, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
