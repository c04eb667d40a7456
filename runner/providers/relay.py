"""Relays streams of chat chunks to clients as they arrive, event by event.

The token is redacted, null fields that clients reject are removed, and the token counts are
recorded. Source of the format: https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from runner.core.verdict import succeeded
from runner.providers.redaction import Redaction
from runner.providers.stream_redaction import StreamRedaction
from runner.providers.transport import MOST_REPLY_BYTES, NoReply, Response, StreamedReply

_END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r")
# Fields that some providers send as null, which clients that check types reject.
_NULLS = re.compile(rb'"(?:role|tool_calls|function_call|refusal|audio)"\s*:\s*null')
_NULL_KEYS = frozenset({"role", "tool_calls", "function_call", "refusal", "audio"})
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_ERROR = re.compile(rb'"errors?"\s*:\s*[{"\[]')
_DONE = b"[DONE]"

Deliver = Callable[[bytes], Awaitable[None]]


def asks_for_usage(body: Mapping[str, Any]) -> bool:
    """Whether a request asks for the token counts at the end of its stream."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def with_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `body` as a request for a stream with the token counts at its end."""
    options = body.get("stream_options")
    given = options if isinstance(options, dict) else {}
    if "input" in body and "messages" not in body:  # /v1/responses always sends them
        return {**body, "stream": True}
    return {**body, "stream": True, "stream_options": {**given, "include_usage": True}}


class Relay:
    """Filters one stream for its client.

    Attributes:
        ended: Whether the answer is complete; the token counts may follow.
        is_done: Whether the stream has ended with ``[DONE]``.
        has_begun: Whether a piece of the stream was processed.
        error: The data of the event in which the provider reports an error; empty without one.
        usage: The last token counts in the stream.
    """

    def __init__(self, *, wants_usage: bool, redaction: Redaction) -> None:
        self.ended = False
        self.is_done = False
        self.has_begun = False
        self.error = b""
        self.usage: dict[str, Any] = {}
        self._wants_usage = wants_usage
        self._clean = redaction.body
        self._held = StreamRedaction(redaction)
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Processes a piece of the stream; returns the bytes for the client."""
        self.has_begun = True
        buffered = self._rest + data
        events, start = [], 0
        for end in _END_OF_EVENT.finditer(buffered):
            events.append(self._redacted(buffered[start : end.end()]))
            start = end.end()
            if self.error:
                break
        self._rest = buffered[start:]
        return b"".join(events)

    def rest(self) -> bytes:
        """Returns the bytes that were held back, and a last event without its end."""
        last, self._rest = self._rest, b""
        event = self._redacted(last + b"\n\n") if last.strip() else b""
        return event + self.flush()

    def flush(self) -> bytes:
        """Returns the bytes for the client of the events that were held back."""
        return self._held.flush()

    def _redacted(self, event: bytes) -> bytes:
        """Returns the bytes for the client after an event; what comes after an end goes at once."""
        event = self._event(event)
        passed = self._held.feed(event, _data(event))
        return passed + self.flush() if self.ended or self.error else passed

    @property
    def buffered_bytes(self) -> int:
        """The number of buffered bytes, whose event is incomplete."""
        return len(self._rest)

    def as_reply(self) -> bytes:
        """Returns an equivalent reply that is not streamed, without the text."""
        choice = {"finish_reason": "stop", "message": {"content": ""}}
        return orjson.dumps({"choices": [choice], "usage": self.usage or None})

    def _event(self, event: bytes) -> bytes:
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
        """Returns the bytes for the client of an event with an error, usage or null fields."""
        if chunk.get("error") or chunk.get("errors"):
            self.error = self._clean(_data(event))
            return b""
        response = chunk.get("response")  # in an event of /v1/responses
        usage = chunk.get("usage") or (
            response.get("usage") if isinstance(response, dict) else None
        )
        if isinstance(usage, dict):
            self.usage = _usage(usage)
            if isinstance(response, dict):
                self.ended = True
            elif not self._wants_usage and chunk.get("choices") == []:
                return b""
        return b"data: %b\n\n" % orjson.dumps(chunk) if _drop_nulls(chunk) else event


async def relay(
    reply: StreamedReply, events: Relay, deliver: Deliver
) -> tuple[Response | NoReply, bytes]:
    """Relays a reply except its last piece; returns an equivalent reply, and the last piece.

    The caller delivers the last piece after it has closed the reply, because the client disconnects
    then. A reply that is not a stream of events, or begins with an error, is not relayed.
    """
    if not (succeeded(reply.status) and "event-stream" in reply.headers.get("content-type", "")):
        return await _whole(reply), b""
    while True:
        piece = await reply.read()
        if isinstance(piece, NoReply):
            return piece, events.flush()
        output = events.feed(piece) if piece else events.rest()
        if not piece or events.is_done or events.error:
            return _ended(reply, events), output
        if events.buffered_bytes > MOST_REPLY_BYTES:
            return NoReply("an event of the stream is too large"), b""
        if output:
            await deliver(output)


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
    """Returns the data of an event."""
    lines = event.splitlines()
    return b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    """Returns the token counts under the names of the chat API; accepts those of /v1/responses."""
    return {
        "prompt_tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "completion_tokens": usage.get("completion_tokens", usage.get("output_tokens")),
    }


def _drop_nulls(chunk: dict[str, Any]) -> bool:
    """Removes the fields of `_NULL_KEYS` that are null; returns whether there were any."""
    dropped = False
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict):
            for key in [key for key in delta if key in _NULL_KEYS and delta[key] is None]:
                del delta[key]
                dropped = True
    return dropped
