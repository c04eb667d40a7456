"""The endpoints of image tasks and of finished images, which are free and have no latency."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from runner.simulator import errors
from runner.simulator.errors import ErrorReply
from runner.simulator.provider import SimulatedProvider
from runner.simulator.requests import bearer_token

_TASK_TYPE = "image_generation"


class PollRoutes:
    """The endpoints of tasks and images."""

    def __init__(self, provider: SimulatedProvider) -> None:
        self._provider = provider

    async def task(self, request: Request) -> Response:
        """Returns the state of a task to its owner."""
        provider, task_id = self._provider, request.path_params["task_id"]
        token = bearer_token(request.headers.get("authorization"))
        if token is None or not provider.config.accepts(token):
            return self._error(errors.invalid_token())
        if request.headers.get("x-modelscope-task-type") != _TASK_TYPE:
            message = "Invalid header: 'X-ModelScope-Task-Type'."
            return self._error(errors.invalid_request(message))
        if provider.image_tasks.poll_fails():
            return self._error(errors.internal_error(""))
        status = provider.image_tasks.status(token, task_id, provider.now())
        if status is None:
            return self._error(errors.unknown_task(task_id))
        fields = {"task_id": task_id, "request_id": provider.new_request_id(), **status}
        return Response(orjson.dumps(fields), media_type="application/json")

    async def image(self, request: Request) -> Response:
        """Returns the image of a signed URL; the media type is always that of a PNG.

        Like Alibaba's object storage (its error 0002-00000039), it refuses a signed URL if the
        request has a token as well.
        """
        tasks, name = self._provider.image_tasks, request.path_params["name"]
        query = request.query_params
        if "authorization" in request.headers:
            return _storage_error(400, "InvalidArgument")
        if tasks.poll_fails():
            return _storage_error(503, "ServiceUnavailable")
        until_s, signature = query.get("Expires", ""), query.get("Signature", "")
        if not tasks.is_valid_url(name, until_s, signature, self._provider.now()):
            return _storage_error(403, "AccessDenied")
        return Response(tasks.content(name), media_type="image/png")

    def _error(self, error: ErrorReply) -> Response:
        envelope = self._provider.config.envelope
        body = error.body(
            "errors" if envelope == "mixed" else envelope,
            self._provider.new_request_id(),
            id_inside=False,
        )
        return Response(body, error.status, media_type="application/json")


def _storage_error(status: int, code: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>\n'
    return Response(body, status, media_type="application/xml")
