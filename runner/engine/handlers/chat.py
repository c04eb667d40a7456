"""Chat: messages, and an answer in words; several rows in one request if need be."""

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

BROKE_OFF = "the reply broke off at its limit of tokens"
FILTERED = "the provider's filter of contents stopped the reply"
# The parameters that limit how long an answer may be.
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
# An answer that broke off at a cap of the job file may be so many times as long the next time.
_MORE_ROOM = 4
_WRAPPER_TOKENS = 16  # of {"answer": …} around a label
_SHOWN = 80  # characters of an answer that broke off


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of a row.

    Attributes:
        messages: With the images in them.
        named: With the names of the images.
        broke_off: Whether an answer to it has broken off before.
    """

    messages: list[Message]
    named: list[Message]
    broke_off: bool = False


class ChatHandler:
    """Asks a chat model; it may share a call between rows."""

    def __init__(self, jobfile: JobFile, folder: Path) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)
        self._folder = folder
        caps = {name: jobfile.parameters.get(name) for name in _CAPS}
        self._caps = {name: cap for name, cap in caps.items() if type(cap) is int}
        self._response_format = lru_cache(maxsize=64)(partial(response_format, jobfile.answer))

    async def prepare(self, row: JobRow) -> _Question:
        """Its messages; after invalid replies, with these and what was wrong with them."""
        values = exact_json.loads(row.body)
        broke_off = any(why.startswith(BROKE_OFF) for _, why in row.invalid_replies)
        asked = [
            InvalidReply(reply, why)
            for reply, why in row.invalid_replies
            if not (self._caps and why.startswith(BROKE_OFF))  # it is given more room instead
        ]
        named = messages = self._prompt.messages(values, asked)
        if self._jobfile.prompt.image_templates:
            messages = [await self._with_images(message) for message in named]
        return _Question(messages, named, broke_off)

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
        form = self._response_format(endpoint.response_formats(model), packed=packed)
        more_room = not packed and asked[0].broke_off
        parameters = self._parameters(more_room=more_room, wrapped=not packed and form is not None)
        timeout_s = self._jobfile.limits.timeout_s
        return await endpoint.chat(model, messages, parameters, timeout_s, now, form)

    def read(self, result: CallResult, asked: Sequence[_Question]) -> Sequence[ParsedAnswer]:
        """Each row's answer, checked alone."""
        reply = result.reply or Reply(0)
        said, spec = reply.content or "", self._jobfile.answer
        if len(asked) == 1:
            if reply.finish or (reply.lacks and not said.strip()):
                return [self._unfinished(reply, said, asked[0])]
            return [parsed(read_answer(spec, said), said)]
        found = read_pack(spec, said, len(asked))
        return [parsed(one, None if isinstance(one, Valid) else said) for one in found]

    def _unfinished(self, reply: Reply, said: str, question: _Question) -> ParsedAnswer:
        """What a reply says that is not whole, or holds no text: never an answer.

        With more room a second reply may be whole. Nothing else would change a text.
        """
        if reply.finish is Finish.FILTERED:
            return ParsedAnswer(invalid=FILTERED, said=said, final=True)
        if reply.finish is not Finish.CUT:
            return ParsedAnswer(invalid=reply.lacks, said=said)
        shown = " ".join(said[: 4 * _SHOWN].split())[:_SHOWN]
        limit = max(self._caps.values(), default=0)
        remedy = f"raise {' and '.join(self._caps)}" if limit else "set max_tokens"
        why = f'{BROKE_OFF}: "{shown}…"; {remedy} under [parameters]'
        final = question.broke_off if limit else self._jobfile.answer.kind == "text"
        return ParsedAnswer(invalid=why, said=said, final=final)

    def _parameters(self, *, more_room: bool, wrapped: bool) -> dict[str, Any]:
        """The job file's, with more room for an answer where it needs more."""
        parameters = self._jobfile.parameters
        if not self._caps or not (more_room or wrapped):
            return parameters
        extra = _WRAPPER_TOKENS if wrapped and is_wrapped(self._jobfile.answer) else 0
        times = _MORE_ROOM if more_room else 1
        return parameters | {name: times * cap + extra for name, cap in self._caps.items()}

    def _packed(self, asked: Sequence[_Question]) -> list[Message]:
        return self._prompt.pack_messages([one.messages for one in asked])

    async def _with_images(self, message: Message) -> Message:
        """The message with the images themselves in the place of their paths."""
        from runner.files.image_urls import ImageLimits, image_url  # noqa: PLC0415 - few need it

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
