"""Chat jobs: messages and a text answer; several rows may share one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from runner import exact_json
from runner.core.settlement import ParsedAnswer
from runner.core.verdict import Finish, Reply
from runner.engine.handlers.base import JobRow, parsed
from runner.jobfile import (
    InvalidReply,
    JobFile,
    Message,
    Prompt,
    Valid,
    is_wrapped,
    read_answer,
    read_pack,
    response_format,
)
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint

BROKE_OFF = "the reply broke off at its token limit"
FILTERED = "the provider's content filter stopped the reply"
# How `BROKE_OFF` begins in every release: earlier ones stored another end of the sentence.
_BROKE_OFF_BEGINS = "the reply broke off at its "
# The parameters that limit how long an answer may be.
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
# The factor by which the limits of the job file are raised after an answer was truncated by them.
_MORE_ROOM = 4
_WRAPPER_TOKENS = 16  # for {"answer": …} around a label
_SHOWN = 80  # characters shown of a truncated answer


@dataclass(frozen=True, slots=True)
class _Question:
    """The question for a row.

    Attributes:
        messages: The messages with their images.
        named: The messages with the names of the images.
        broke_off: Whether an earlier answer to it was truncated.
    """

    messages: list[Message]
    named: list[Message]
    broke_off: bool = False


class ChatHandler:
    """Calls a chat model, for one row or for several rows at once."""

    def __init__(self, jobfile: JobFile, folder: Path) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)
        self._folder = folder
        caps = {name: jobfile.parameters.get(name) for name in _CAPS}
        self._caps = {name: cap for name, cap in caps.items() if type(cap) is int}
        self._response_format = lru_cache(maxsize=64)(partial(response_format, jobfile.answer))

    async def prepare(self, row: JobRow) -> _Question:
        """Returns the messages for a row, with earlier invalid replies and their faults."""
        values = exact_json.loads(row.body)
        broke_off = any(why.startswith(_BROKE_OFF_BEGINS) for _, why in row.invalid_replies)
        asked = [
            InvalidReply(reply, why)
            for reply, why in row.invalid_replies
            # A truncated reply gets a higher limit instead.
            if not (self._caps and why.startswith(_BROKE_OFF_BEGINS))
        ]
        named = messages = self._prompt.messages(values, asked)
        if self._jobfile.prompt.image_templates:
            messages = [await self._with_images(message) for message in named]
        return _Question(messages, named, broke_off)

    def shown(self, asked: Sequence[_Question]) -> list[Message]:
        """Returns the messages, with the names of images."""
        return asked[0].named if len(asked) == 1 else self._packed(asked)

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[_Question], now: int
    ) -> CallResult:
        """Sends one row's messages as they are, or several rows as numbered items of a message."""
        if len(asked) == 1:
            messages, packed = asked[0].messages, 0
        else:
            messages, packed = self._packed(asked), len(asked)
        supported = endpoint.response_formats(model, now)
        form = self._response_format(supported, packed=packed)
        more_room = not packed and asked[0].broke_off
        parameters = self._parameters(more_room=more_room, wrapped=not packed and form is not None)
        timeout_s = self._jobfile.limits.timeout_s
        return await endpoint.chat(model, messages, parameters, timeout_s, now, form)

    def read(self, result: CallResult, asked: Sequence[_Question]) -> Sequence[ParsedAnswer]:
        """Parses and validates the answer to each row."""
        reply = result.reply or Reply(0)
        content, spec = reply.content or "", self._jobfile.answer
        if len(asked) == 1:
            if reply.finish or (reply.lacks and not content.strip()):
                return [self._unfinished(reply, content, asked[0])]
            return [parsed(read_answer(spec, content), content)]
        answers = read_pack(spec, content, len(asked))
        return [parsed(each, None if isinstance(each, Valid) else content) for each in answers]

    def _unfinished(self, reply: Reply, content: str, question: _Question) -> ParsedAnswer:
        """Returns an invalid answer for a reply that is truncated, filtered or empty.

        With a higher limit a second reply may be complete. Otherwise another free text would be
        truncated, too.
        """
        if reply.finish is Finish.FILTERED:
            return ParsedAnswer(invalid=FILTERED, said=content, final=True)
        if reply.finish is not Finish.CUT:
            return ParsedAnswer(invalid=reply.lacks, said=content)
        shown = " ".join(content[: 4 * _SHOWN].split())[:_SHOWN]
        limit = max(self._caps.values(), default=0)
        remedy = f"raise {' and '.join(self._caps)}" if limit else "set max_tokens"
        why = f'{BROKE_OFF}: "{shown}…"; {remedy} under [parameters]'
        final = question.broke_off if limit else self._jobfile.answer.kind == "text"
        return ParsedAnswer(invalid=why, said=content, final=final)

    def _parameters(self, *, more_room: bool, wrapped: bool) -> dict[str, Any]:
        """Returns the job file's parameters, with higher token limits where they are needed."""
        parameters = self._jobfile.parameters
        if not self._caps or not (more_room or wrapped):
            return parameters
        extra = _WRAPPER_TOKENS if wrapped and is_wrapped(self._jobfile.answer) else 0
        times = _MORE_ROOM if more_room else 1
        return parameters | {name: times * cap + extra for name, cap in self._caps.items()}

    def _packed(self, asked: Sequence[_Question]) -> list[Message]:
        return self._prompt.pack_messages([question.messages for question in asked])

    async def _with_images(self, message: Message) -> Message:
        """Returns the message with data URLs of the images in place of their paths."""
        from runner.files.image_urls import ImageLimits, image_url  # few need it

        if isinstance(message["content"], str):
            return message
        images = self._jobfile.images
        limits = ImageLimits(images.max_bytes, images.longest_side, images.inside_folder)
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
