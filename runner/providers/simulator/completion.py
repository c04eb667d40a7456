"""The body of a 200: an OpenAI ``chat.completion`` object, full or an empty shell.

It knows the wire format; what the model says is handed to it.
"""

from __future__ import annotations

import orjson

from runner.providers.simulator.answers import count_tokens, prompt_tokens
from runner.providers.simulator.requests import ChatRequest


def completion(request: ChatRequest, content: str, request_id: str, now_ms: int) -> bytes:
    """Return the completion that says `content`."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return orjson.dumps(
        {
            "id": f"chatcmpl-{request_id}",
            "object": "chat.completion",
            "created": now_ms // 1000,
            "model": request.model,
            "choices": [choice],
            "usage": _usage(prompt_tokens(request.messages), count_tokens(content)),
        },
    )


def total_tokens(request: ChatRequest, content: str) -> int:
    """Return the tokens of the completion that says `content`, its prompt's among them."""
    return prompt_tokens(request.messages) + count_tokens(content)


def empty_shell(request: ChatRequest, now_ms: int) -> bytes:
    """Return the completion a throttled back end sends: a 200 that holds nothing."""
    return orjson.dumps(
        {
            "id": "",
            "object": "",
            "created": now_ms // 1000,
            "model": request.model,
            "choices": None,
            "usage": _usage(0, 0),
        },
    )


def _usage(prompt: int, answer: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
