"""Reads chat calls, and builds the OpenAI ``chat.completion`` objects that answer them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from runner.simulator import errors
from runner.simulator.answers import count_tokens, fingerprint, prompt_tokens
from runner.simulator.errors import ErrorReply
from runner.simulator.prompt_parser import Message

_END = b"data: [DONE]\n\n"
_IMAGE_URLS = ("https://", "http://", "data:image/")


class ChatRequest(NamedTuple):
    """A well-formed chat call.

    Attributes:
        account: The token of the caller.
        model: The model.
        messages: The messages.
        digest: The `fingerprint` of the messages.
        prompt_tokens: The tokens of the messages.
        stream: Whether the answer is sent as server-sent events.
        counts: Whether a stream ends with the token counts.
        write: Builds the body of the reply from the request, its content, its id and the time in
            ms; None means a chat completion.
    """

    account: str
    model: str
    messages: list[Message]
    digest: bytes
    prompt_tokens: int
    stream: bool = False
    counts: bool = False
    write: Callable[[ChatRequest, str, str, int], bytes] | None = None

    @property
    def content_type(self) -> str:
        """The media type of an answer."""
        return "text/event-stream" if self.stream else "application/json"

    def prompts(self) -> tuple[bytes, ...]:
        """Returns the SHA-256 of the user's messages."""
        return (self.digest,)

    def tokens(self, content: str) -> int:
        """Returns the tokens of the prompt and of the answer `content`."""
        return self.prompt_tokens + count_tokens(content)

    def completion(self, content: str, request_id: str, now_ms: int) -> bytes:
        """Returns the body of the reply with the answer `content`, in the requested form."""
        if self.write is not None:
            return self.write(self, content, request_id, now_ms)
        if self.stream:
            return self._events(content, request_id, now_ms)
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return orjson.dumps(
            {
                "id": f"chatcmpl-{request_id}",
                "object": "chat.completion",
                "created": now_ms // 1000,
                "model": self.model,
                "choices": [choice],
                "usage": usage_of(self.prompt_tokens, count_tokens(content)),
            },
        )

    def _events(self, content: str, request_id: str, now_ms: int) -> bytes:
        """Returns the events of a stream in ModelScope's form, one for each word."""
        words = re.findall(r"\S+\s*|\s+", content)
        deltas: list[dict[str, Any]] = [
            {"content": word, "role": None if number else "assistant", "tool_calls": None}
            for number, word in enumerate(words)
        ]
        choices: list[list[dict[str, Any]]] = [
            [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
        ]
        choices.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        usage = usage_of(self.prompt_tokens, count_tokens(content))
        chunks: list[tuple[list[dict[str, Any]], dict[str, int] | None]]
        chunks = [(choice, None) for choice in choices]
        if self.counts:
            chunks.append(([], usage))
        head: dict[str, Any] = {
            "id": f"chatcmpl-{request_id}",
            "object": "chat.completion.chunk",
            "created": now_ms // 1000,
            "model": self.model,
        }
        events = (head | {"choices": choice, "usage": counts} for choice, counts in chunks)
        return b"".join([*(b"data: %b\n\n" % orjson.dumps(e) for e in events), _END])

    def empty_body(self, now_ms: int) -> bytes:
        """Returns the reply without content that an overloaded backend sends with status 200."""
        return orjson.dumps(
            {
                "id": "",
                "object": "",
                "created": now_ms // 1000,
                "model": self.model,
                "choices": None,
                "usage": usage_of(0, 0),
            },
        )


def read_chat(account: str, model: str, fields: dict[str, Any]) -> ChatRequest | ErrorReply:
    """Reads a chat call; returns the error if it is invalid."""
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        message = "Missing or invalid required parameter: 'messages'."
        return errors.invalid_request(message, model)
    options = fields.get("stream_options")
    return ChatRequest(
        account,
        model,
        messages,
        fingerprint(messages),
        prompt_tokens(messages),
        stream=bool(fields.get("stream")),
        counts=isinstance(options, dict) and bool(options.get("include_usage")),
    )


def usage_of(prompt: int, answer: int) -> dict[str, int]:
    """Returns the ``usage`` of a call with so many tokens."""
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _is_message(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        return False
    content = value.get("content")
    if isinstance(content, list):
        return not any(map(_is_invalid_image, content))
    return isinstance(content, str)


def _is_invalid_image(part: object) -> bool:
    """Whether a part of a message is an image that the provider could not load."""
    if not isinstance(part, dict) or part.get("type") != "image_url":
        return False
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    return not isinstance(url, str) or not url.startswith(_IMAGE_URLS)
