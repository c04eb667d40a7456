"""How jobs of each kind are asked, and what the reply says of each.

It knows what is sent and what counts as an answer; what becomes of a job, the core decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from runner.core.retry import Accept
from runner.jobfile import (
    Invalid,
    InvalidReply,
    JobFile,
    Message,
    Prompt,
    Valid,
    read_answer,
    read_pack,
    response_format,
)
from runner.providers.endpoint import Endpoint, Heard
from runner.store.queue import Claimed

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a reply says of one job: its answer, or why it has none; and in which words."""

    answer: Valid | Invalid | Accept
    said: str | None = None


class Way(Protocol):
    """How jobs of one kind are asked."""

    async def prepare(self, job: Claimed) -> Any:
        """What is asked of one row.

        Raises:
            RunnerError: the row does not fit: nothing can be asked of it.
        """

    def shown(self, asked: Sequence[Any]) -> Any:
        """What is sent for all that was prepared, for somebody who looks on; as JSON values."""

    async def ask(self, endpoint: Endpoint, model: str, asked: Sequence[Any], now: int) -> Heard:
        """Make the one call for all that was prepared."""

    def read(self, heard: Heard, jobs: Sequence[Claimed]) -> Sequence[Told]:
        """What an answer says of each job, in their order."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A row and its messages: with the images in them, and with their names."""

    row: Row
    messages: list[Message]
    named: list[Message]


class Chat:
    """Messages, and an answer in words; several rows in one request if need be."""

    def __init__(self, jobfile: JobFile, folder: Path) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)
        self._folder = folder

    async def prepare(self, job: Claimed) -> _Question:
        """Its messages; after invalid answers, with these and what was wrong with them."""
        row = orjson.loads(job.payload)
        asked = [InvalidReply(reply, why) for reply, why in job.asked]
        named = messages = self._prompt.messages(row, asked)
        if self._jobfile.prompt.image_templates:
            messages = [await self._with_images(message) for message in named]
        return _Question(row, messages, named)

    def shown(self, asked: Sequence[_Question]) -> list[Message]:
        """The messages, with the names of images."""
        return asked[0].named if len(asked) == 1 else self._packed(asked)

    def _packed(self, asked: Sequence[_Question]) -> list[Message]:
        return self._prompt.pack_messages([one.row for one in asked])

    async def _with_images(self, message: Message) -> Message:
        """The message with the images themselves in the place of their paths."""
        from runner.files.image_urls import ImageLimits, image_url  # noqa: PLC0415 - few jobs show images

        if isinstance(message["content"], str):
            return message
        images = self._jobfile.images
        limits = ImageLimits(images.max_bytes, images.longest_side)
        parts = [
            part
            if part["type"] != "image_url"
            else {
                "type": "image_url",
                "image_url": {"url": await image_url(url, self._folder, limits)},
            }
            for part in message["content"]
            for url in [part.get("image_url", {}).get("url", "")]
        ]
        return message | {"content": parts}

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[_Question], now: int
    ) -> Heard:
        """One row's messages as they are; several rows' as numbered items of one message."""
        if len(asked) == 1:
            messages, packed = asked[0].messages, 0
        else:
            messages, packed = self._packed(asked), len(asked)
        supported = endpoint.account.preset.response_format
        form = response_format(self._jobfile.answer, supported, packed=packed)
        parameters = ({"response_format": form} if form else {}) | self._jobfile.parameters
        timeout_s = self._jobfile.limits.timeout_s
        return await endpoint.chat(model, messages, parameters, timeout_s, now)

    def read(self, heard: Heard, jobs: Sequence[Claimed]) -> Sequence[Told]:
        """Each row's answer, checked alone."""
        said = (heard.reply.content if heard.reply else None) or ""
        if len(jobs) == 1:
            return [Told(read_answer(self._jobfile.answer, said), said)]
        found = read_pack(self._jobfile.answer, said, len(jobs))
        return [Told(one, None if isinstance(one, Valid) else said) for one in found]


class Embedding:
    """Texts, and a vector for each."""

    def __init__(self, jobfile: JobFile) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)

    async def prepare(self, job: Claimed) -> str:
        """The text whose vector is wanted."""
        return self._prompt.text(orjson.loads(job.payload))

    def shown(self, asked: Sequence[str]) -> list[str]:
        """The texts."""
        return list(asked)

    async def ask(self, endpoint: Endpoint, model: str, asked: Sequence[str], now: int) -> Heard:
        """All texts in one request."""
        parameters, timeout_s = self._jobfile.parameters, self._jobfile.limits.timeout_s
        return await endpoint.embed(model, asked, parameters, timeout_s, now)

    def read(self, heard: Heard, jobs: Sequence[Claimed]) -> Sequence[Told]:
        """A vector is its JSON text."""
        vectors = heard.reply.vectors if heard.reply else (None,) * len(jobs)
        return [
            Told(Invalid("the reply holds no vector for it") if one is None else Valid(one))
            for one in vectors
        ]


class Request:
    """What the row itself is: a request made for the OpenAI Batch API, sent as it stands."""

    def __init__(self, jobfile: JobFile) -> None:
        self._timeout_s = jobfile.limits.timeout_s

    async def prepare(self, job: Claimed) -> Row:
        """The row."""
        row: Row = orjson.loads(job.payload)
        return row

    def shown(self, asked: Sequence[Row]) -> Any:
        """Its body."""
        return asked[0]["body"]

    async def ask(self, endpoint: Endpoint, model: str, asked: Sequence[Row], now: int) -> Heard:
        """Its body, for the model's name here."""
        [row] = asked
        body = row["body"] | {"model": model}
        return await endpoint.forward(row["url"], body, self._timeout_s, now)

    def read(self, heard: Heard, jobs: Sequence[Claimed]) -> Sequence[Told]:
        """The whole body of the reply is the answer."""
        return [Told(Valid(heard.body)) for _ in jobs]


class Painting:
    """A text, and one image of it.

    A provider makes an image in a task, or hands it over at once. Either way the call is paid when
    it is answered: what it brought is written down as a task, and gallery.py looks at that until
    the image is here, so that no death on the way costs it.
    """

    def __init__(self, jobfile: JobFile) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)

    async def prepare(self, job: Claimed) -> str:
        """What the image is to show."""
        return self._prompt.text(orjson.loads(job.payload))

    def shown(self, asked: Sequence[str]) -> str:
        """The text."""
        return asked[0]

    async def ask(self, endpoint: Endpoint, model: str, asked: Sequence[str], now: int) -> Heard:
        """One image."""
        [text] = asked
        parameters, timeout_s = self._jobfile.parameters, self._jobfile.limits.timeout_s
        return await endpoint.paint(model, text, parameters, timeout_s, now)

    def read(self, heard: Heard, jobs: Sequence[Claimed]) -> Sequence[Told]:
        """The task that makes it, or where it is: as a task, too, that has ended already."""
        reply = heard.reply
        place = (reply.task_id or next(iter(reply.images), "")) if reply else ""
        return [Told(Accept(place) if place else Invalid("the reply holds no image")) for _ in jobs]


def way_of(jobfile: JobFile, folder: Path) -> Way:
    """How the jobs of a job file are asked; `folder` is where the rows' paths start."""
    match jobfile.job.kind:
        case "chat":
            return Chat(jobfile, folder)
        case "embedding":
            return Embedding(jobfile)
        case "image":
            return Painting(jobfile)
        case "request":
            return Request(jobfile)
