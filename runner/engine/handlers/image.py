"""Image jobs: a text, and one image of it.

A provider generates an image in a task, or returns it at once. In both cases the call is paid for
when it is answered. So its result is stored as a task, which image_poller.py polls until the image
is stored: a crash in between loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner import exact_json
from runner.core.settlement import ParsedAnswer
from runner.engine.handlers.base import JobRow
from runner.jobfile import JobFile, Prompt
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint


class ImageHandler:
    """Calls an image model for one image of a text."""

    def __init__(self, jobfile: JobFile) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)

    async def prepare(self, row: JobRow) -> str:
        """Returns the prompt of the image."""
        return self._prompt.text(exact_json.loads(row.body))

    def shown(self, asked: Sequence[str]) -> str:
        """Returns the text."""
        return asked[0]

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[str], now: int
    ) -> CallResult:
        """Requests one image."""
        [text] = asked
        parameters, timeout_s = self._jobfile.parameters, self._jobfile.limits.timeout_s
        return await endpoint.generate_image(model, text, parameters, timeout_s, now)

    def read(self, result: CallResult, asked: Sequence[str]) -> Sequence[ParsedAnswer]:
        """Returns the id of the task, or the URL of a finished image in place of the id."""
        reply = result.reply
        place = (reply.task_id or next(iter(reply.images), "")) if reply else ""
        answer = ParsedAnswer(task_id=place, invalid="" if place else "the reply holds no image")
        return [answer] * len(asked)
