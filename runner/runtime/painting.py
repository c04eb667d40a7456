"""A text, and one image of it: what is sent, and what the reply brings.

A provider makes an image in a task, or hands it over at once. Either way the call is paid when it
is answered: what it brought is written down as a task, and gallery.py looks at it until the image
is here, so that no death on the way costs it.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from runner.core.retry import Accept
from runner.jobfile import Invalid, JobFile, Prompt
from runner.providers.endpoint import Endpoint, Heard
from runner.runtime.ways import Told
from runner.store.queue import Claimed


class Painting:
    """A text, and one image of it."""

    def __init__(self, jobfile: JobFile) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)

    async def prepare(self, job: Claimed) -> str:
        """What the image is to show."""
        return self._prompt.text(orjson.loads(job.payload))

    async def ask(self, endpoint: Endpoint, model: str, asked: Sequence[str], now: int) -> Heard:
        """One image."""
        [text] = asked
        parameters, timeout_s = self._jobfile.parameters, self._jobfile.limits.timeout_s
        return await endpoint.paint(model, text, parameters, timeout_s, now)

    async def read(
        self, _endpoint: Endpoint, heard: Heard, jobs: Sequence[Claimed]
    ) -> Sequence[Told]:
        """The task that makes it, or where it is: as a task, too, that has ended already."""
        reply = heard.reply
        place = (reply.task_id or next(iter(reply.images), "")) if reply else ""
        return [Told(Accept(place) if place else Invalid("the reply holds no image")) for _ in jobs]
