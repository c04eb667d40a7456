"""Chat: messages, and an answer in words; several rows in one request if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import exact_json
from runner.core.settlement import ParsedAnswer
from runner.engine.handlers.base import JobRow, parsed
from runner.jobfile import (
    InvalidReply,
    JobFile,
    Message,
    Prompt,
    Valid,
    read_answer,
    read_pack,
    response_format,
)
from runner.providers.endpoint import CallResult, Endpoint


@dataclass(frozen=True, slots=True)
class _Question:
    """A row and its messages: with the images in them, and with their names."""

    row: dict[str, Any]
    messages: list[Message]
    named: list[Message]


class ChatHandler:
    """Asks a chat model; it may share a call between rows."""

    def __init__(self, jobfile: JobFile, folder: Path) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)
        self._folder = folder

    async def prepare(self, row: JobRow) -> _Question:
        """Its messages; after invalid replies, with these and what was wrong with them."""
        values = exact_json.loads(row.body)
        asked = [InvalidReply(reply, why) for reply, why in row.invalid_replies]
        named = messages = self._prompt.messages(values, asked)
        if self._jobfile.prompt.image_templates:
            messages = [await self._with_images(message) for message in named]
        return _Question(values, messages, named)

    def shown(self, asked: Sequence[_Question]) -> list[Message]:
        """The messages, with the names of images."""
        return asked[0].named if len(asked) == 1 else self._packed(asked)

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[_Question], now: int
    ) -> CallResult:
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

    def read(self, result: CallResult, number: int) -> Sequence[ParsedAnswer]:
        """Each row's answer, checked alone."""
        said = (result.reply.content if result.reply else None) or ""
        if number == 1:
            return [parsed(read_answer(self._jobfile.answer, said), said)]
        found = read_pack(self._jobfile.answer, said, number)
        return [parsed(one, None if isinstance(one, Valid) else said) for one in found]

    def _packed(self, asked: Sequence[_Question]) -> list[Message]:
        return self._prompt.pack_messages([one.row for one in asked])

    async def _with_images(self, message: Message) -> Message:
        """The message with the images themselves in the place of their paths."""
        from runner.files.image_urls import ImageLimits, image_url  # noqa: PLC0415 - few need it

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
