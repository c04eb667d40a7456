"""The doors to what was made: a task, and an image. Looking costs nothing and takes no time.

It knows HTTP; how far a task is, and what is to be seen, the gallery knows.
"""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from runner.providers.simulator import problems
from runner.providers.simulator.problems import Problem
from runner.providers.simulator.requests import bearer
from runner.providers.simulator.simulator import Simulator

_TASK_TYPE = "image_generation"


class Looks:
    """The endpoints of tasks and images."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def task(self, request: Request) -> Response:
        """Tell the owner of a task how far it is."""
        simulator, task_id = self._simulator, request.path_params["task_id"]
        token = bearer(request.headers.get("authorization"))
        if token is None or not simulator.config.accepts(token):
            return self._refusal(problems.unauthorised())
        if request.headers.get("x-modelscope-task-type") != _TASK_TYPE:
            return self._refusal(problems.malformed("Invalid header: 'X-ModelScope-Task-Type'."))
        if simulator.gallery.stumbles():
            return self._refusal(problems.internal(""))
        told = simulator.gallery.tell(token, task_id, simulator.now())
        if told is None:
            return self._refusal(problems.no_such_task(task_id))
        fields = {"task_id": task_id, "request_id": simulator.request_id(), **told}
        return Response(orjson.dumps(fields), media_type="application/json")

    async def image(self, request: Request) -> Response:
        """Show an image to whom its URL was told.

        As Alibaba's object storage does (its error 0002-00000039), it refuses a URL with a
        signature to those who bring a token as well. What it sends, it calls a PNG, whatever it is.
        """
        gallery, name = self._simulator.gallery, request.path_params["name"]
        asked = request.query_params
        if "authorization" in request.headers:
            return _storage_error(400, "InvalidArgument")
        if gallery.stumbles():
            return _storage_error(503, "ServiceUnavailable")
        until_s, signature = asked.get("Expires", ""), asked.get("Signature", "")
        if not gallery.admits(name, until_s, signature, self._simulator.now()):
            return _storage_error(403, "AccessDenied")
        return Response(gallery.image(name), media_type="image/png")

    def _refusal(self, problem: Problem) -> Response:
        envelope = self._simulator.config.envelope
        body = problem.body(
            "errors" if envelope == "mixed" else envelope,
            self._simulator.request_id(),
            id_inside=False,
        )
        return Response(body, problem.status, media_type="application/json")


def _storage_error(status: int, code: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>\n'
    return Response(body, status, media_type="application/xml")
