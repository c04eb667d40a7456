"""Returns generated images to clients, waiting for the provider's task if there is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import anyio

from runner.app.serving.refusals import SERVER, Refusal
from runner.clock import Clock
from runner.engine.client_call import Answered
from runner.engine.image_replies import image_reply
from runner.providers.endpoint import Endpoint
from runner.providers.images import TaskDone, TaskFailed, TaskLost

POLL_EVERY_S = 1.0  # short, because a client waits
POLL_TIMEOUT_S = 30.0
LONGEST_TASK_S = 600.0


class ImageResults:
    """Converts the result of an image call to OpenAI's reply."""

    def __init__(
        self, endpoints: Callable[[], Awaitable[Mapping[str, Endpoint]]], clock: Clock
    ) -> None:
        self._endpoints = endpoints
        self._clock = clock

    async def finished(self, answered: Answered, *, as_base64: bool) -> bytes | Refusal:
        """Returns the body of the reply, or the reason why there is no image.

        The call is charged in either case.
        """
        reply = answered.result.reply
        if reply is None or not reply.task_id:
            return answered.result.body.encode()
        endpoint = (await self._endpoints())[answered.route[0]]
        urls = await self._wait_for_task(endpoint, reply.task_id)
        if isinstance(urls, Refusal):
            return urls
        body = await image_reply(endpoint, urls, self._clock.now(), as_base64=as_base64)
        if not isinstance(body, str):
            return Refusal(502, "the image was made, and cannot be fetched", SERVER)
        return body.encode()

    async def _wait_for_task(self, endpoint: Endpoint, task_id: str) -> tuple[str, ...] | Refusal:
        """Polls the task, and returns the URLs of the images once they are made."""
        poll = partial(endpoint.task, task_id, POLL_TIMEOUT_S)
        with anyio.move_on_after(LONGEST_TASK_S):
            while True:
                match await poll():
                    case TaskDone(urls):
                        return urls
                    case TaskFailed(code, message):
                        return Refusal(502, f"the image was not made: {message or code}", SERVER)
                    case TaskLost(why):
                        return Refusal(502, f"the provider has lost the image: {why}", SERVER)
                    case _:
                        await anyio.sleep(POLL_EVERY_S)
        return Refusal(504, "the image was not made within ten minutes", SERVER)
