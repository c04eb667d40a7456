"""Streams of a chat's chunks that are passed on as they come.

What passes is whole events. On the way the token is removed, what no client reads is mended, and
the counts of tokens are noted. (https://platform.openai.com/docs/api-reference/chat-streaming)
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from runner.core.verdict import succeeded
from runner.providers.transport import MOST_REPLY_BYTES, NoReply, Response, StreamedReply

_END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r")
# Some providers send these as null, which clients that check their types refuse.
_NULLS = re.compile(rb'"(?:role|tool_calls|function_call|refusal|audio)"\s*:\s*null')
_NULL_KEYS = frozenset({"role", "tool_calls", "function_call", "refusal", "audio"})
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_ERROR = re.compile(rb'"errors?"\s*:\s*[{"\[]')
_DONE = b"[DONE]"

Deliver = Callable[[bytes], Awaitable[None]]


def asks_for_usage(body: Mapping[str, Any]) -> bool:
    """Whether a request asks for the counts of tokens at the end of its stream."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def with_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """`body` asking for a stream, and for the counts at its end."""
    options = body.get("stream_options")
    known = options if isinstance(options, dict) else {}
    if "input" in body and "messages" not in body:  # /v1/responses always tells, and knows no such
        return {**body, "stream": True}
    return {**body, "stream": True, "stream_options": {**known, "include_usage": True}}


class Relay:
    """What passes of one stream.

    Attributes:
        ended: Whether the stream is complete; counts may follow.
        is_done: Whether nothing follows.
        has_begun: Whether it is a stream of events, of which a piece was taken.
        error: The event in which the provider reports an error; empty while there is none.
        usage: The counts of tokens that it told last.
    """

    def __init__(self, *, wants_usage: bool, clean: Callable[[bytes], bytes]) -> None:
        self.ended = False
        self.is_done = False
        self.has_begun = False
        self.error = b""
        self.usage: dict[str, Any] = {}
        self._wants_usage = wants_usage
        self._clean = clean
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the stream; returns what passes of it."""
        self.has_begun = True
        buffered = self._rest + data
        passed, start = [], 0
        for end in _END_OF_EVENT.finditer(buffered):
            passed.append(self._event(buffered[start : end.end()]))
            start = end.end()
            if self.error:
                break
        self._rest = buffered[start:]
        return b"".join(passed)

    def rest(self) -> bytes:
        """What passes of a last event that lacks its end."""
        last, self._rest = self._rest, b""
        return self._event(last + b"\n\n") if last.strip() else b""

    @property
    def waiting_bytes(self) -> int:
        """How much is held back, since its event is not whole."""
        return len(self._rest)

    def as_reply(self) -> bytes:
        """A reply that was not streamed which says the same, but for the text."""
        choice = {"finish_reason": "stop", "message": {"content": ""}}
        return orjson.dumps({"choices": [choice], "usage": self.usage or None})

    def _event(self, event: bytes) -> bytes:
        event = self._clean(event)
        if _DONE in event and _data(event) == _DONE:
            self.ended = self.is_done = True
            return event
        if _FINISHED.search(event):
            self.ended = True
        if not (_USAGE.search(event) or _NULLS.search(event) or _ERROR.search(event)):
            return event
        try:
            chunk = orjson.loads(_data(event))
        except orjson.JSONDecodeError:
            return event
        return self._chunk(chunk, event) if isinstance(chunk, dict) else event

    def _chunk(self, chunk: dict[str, Any], event: bytes) -> bytes:
        """What passes of an event that says more than a text."""
        if chunk.get("error") or chunk.get("errors"):
            self.error = _data(event)
            return b""
        response = chunk.get("response")  # of an event of /v1/responses
        told = chunk.get("usage") or (response.get("usage") if isinstance(response, dict) else None)
        if isinstance(told, dict):
            self.usage = _usage(told)
            if isinstance(response, dict):
                self.ended = True
            elif not self._wants_usage and chunk.get("choices") == []:
                return b""
        return b"data: %b\n\n" % orjson.dumps(chunk) if _mended(chunk) else event


async def relay(
    reply: StreamedReply, events: Relay, deliver: Deliver
) -> tuple[Response | NoReply, bytes]:
    """Pass a reply on, but for its last piece; returns it as if it had not been streamed, and that.

    The last piece is to be passed once the reply is closed: its reader leaves then. A reply that is
    no stream of events, or begins with an error, is not passed on.
    """
    if not (succeeded(reply.status) and "event-stream" in reply.headers.get("content-type", "")):
        return await _whole(reply), b""
    while True:
        piece = await reply.read()
        if isinstance(piece, NoReply):
            return piece, b""
        passed = events.feed(piece) if piece else events.rest()
        if not piece or events.is_done or events.error:
            return _ended(reply, events), passed
        if events.waiting_bytes > MOST_REPLY_BYTES:
            return NoReply("an event of the stream is too large"), b""
        if passed:
            await deliver(passed)


def _ended(reply: StreamedReply, events: Relay) -> Response | NoReply:
    if events.error:
        return Response(reply.status, reply.headers, events.error)
    if not events.ended:
        return NoReply("the stream was cut off")
    return Response(reply.status, _of_json(reply.headers), events.as_reply())


async def _whole(reply: StreamedReply) -> Response | NoReply:
    body = bytearray()
    while piece := await reply.read():
        if isinstance(piece, NoReply):
            return piece
        body += piece
        if len(body) > MOST_REPLY_BYTES:
            return NoReply(f"the reply is larger than {MOST_REPLY_BYTES:,} bytes and was not read")
    return Response(reply.status, reply.headers, bytes(body))


def _of_json(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "content-type": "application/json"}


def _data(event: bytes) -> bytes:
    """The data of an event."""
    lines = event.splitlines()
    return b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))


def _usage(told: dict[str, Any]) -> dict[str, Any]:
    """The counts, also as /v1/responses names them."""
    return {
        "prompt_tokens": told.get("prompt_tokens", told.get("input_tokens")),
        "completion_tokens": told.get("completion_tokens", told.get("output_tokens")),
    }


def _mended(chunk: dict[str, Any]) -> bool:
    """Remove what is null and must not be; whether there was any."""
    found = False
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict):
            for key in [key for key in delta if key in _NULL_KEYS and delta[key] is None]:
                del delta[key]
                found = True
    return found
