"""Images: a text, and one image of it.

A provider makes an image in a task, or hands it over at once. Either way the call is paid when it
is answered: what it brought is stored as a task, and image_poller.py polls that until the image is
here, so that no death on the way costs it.
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
    """Asks for one image of a text."""

    def __init__(self, jobfile: JobFile) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)

    async def prepare(self, row: JobRow) -> str:
        """What the image is to show."""
        return self._prompt.text(exact_json.loads(row.body))

    def shown(self, asked: Sequence[str]) -> str:
        """The text."""
        return asked[0]

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[str], now: int
    ) -> CallResult:
        """One image."""
        [text] = asked
        parameters, timeout_s = self._jobfile.parameters, self._jobfile.limits.timeout_s
        return await endpoint.generate_image(model, text, parameters, timeout_s, now)

    def read(self, result: CallResult, asked: Sequence[str]) -> Sequence[ParsedAnswer]:
        """The task that makes it, or where it is: as a task, too, that has ended already."""
        reply = result.reply
        place = (reply.task_id or next(iter(reply.images), "")) if reply else ""
        answer = ParsedAnswer(task_id=place, invalid="" if place else "the reply holds no image")
        return [answer] * len(asked)
