"""The simulator's doors: which path and method leads where.

It knows HTTP; every decision about a chat call is the simulator's, and is obeyed here.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.providers.simulator.chat import ChatEndpoint
from runner.providers.simulator.dating import DateHeader
from runner.providers.simulator.requests import bearer
from runner.providers.simulator.simulator import Simulator

_CREDITS = 250  # about what a user is granted for a day
_MODEL_CREATED_S = 1_735_689_600  # the day is of no interest to anyone


def build_app(simulator: Simulator) -> Starlette:
    """Return the ASGI application that answers for `simulator`."""
    doors = _Doors(simulator)
    routes = [
        Route("/v1/chat/completions", ChatEndpoint(simulator), methods=["POST"]),
        Route("/v1/models", doors.models),
        Route("/openapi/v1/magicubes/balance", doors.balance),
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
        """Tell a valid token its credits: the only free way to check one."""
        request_id = self._simulator.request_id()
        if not self._simulator.config.accepts(bearer(request.headers.get("authorization"))):
            message = "The token is invalid or has expired."
            fields = {"code": "InvalidAuthentication", "message": message}
            return _json({"success": False, "request_id": request_id, **fields}, 401)
        data = {"total_balance": _CREDITS, "available_balance": _CREDITS, "frozen_amount": 0}
        return _json({"success": True, "request_id": request_id, "data": data})

    async def stats(self, _request: Request) -> Response:
        """Show what the simulator has seen; no real provider is so frank."""
        return _json(self._simulator.stats())


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
