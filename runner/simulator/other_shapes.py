"""What is asked and answered like a chat, in the shapes of two other addresses of OpenAI's API.

They are ``/v1/completions`` and ``/v1/responses``. A prompt there is the user's message of a chat.
"""

from __future__ import annotations

from typing import Any

import orjson

from runner.simulator import errors
from runner.simulator.answers import count_tokens
from runner.simulator.chat import ChatRequest, read_chat, usage_of
from runner.simulator.errors import ErrorReply


def read_completion(account: str, model: str, fields: dict[str, Any]) -> ChatRequest | ErrorReply:
    """Read a call of ``/v1/completions``, or return what is wrong with it."""
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        message = "Missing or invalid required parameter: 'prompt'."
        return errors.invalid_request(message, model)
    asked = {**fields, "messages": [{"role": "user", "content": prompt}]}
    found = read_chat(account, model, asked)
    return found._replace(write=_completion) if isinstance(found, ChatRequest) else found


def read_response(account: str, model: str, fields: dict[str, Any]) -> ChatRequest | ErrorReply:
    """Read a call of ``/v1/responses``, or return what is wrong with it."""
    given = fields.get("input")
    messages = [{"role": "user", "content": given}] if isinstance(given, str) and given else given
    if not isinstance(messages, list) or not messages:
        message = "Missing or invalid required parameter: 'input'."
        return errors.invalid_request(message, model)
    found = read_chat(account, model, {**fields, "messages": messages})
    return found._replace(write=_response) if isinstance(found, ChatRequest) else found


def _completion(request: ChatRequest, content: str, request_id: str, now_ms: int) -> bytes:
    return orjson.dumps(
        {
            "id": f"cmpl-{request_id}",
            "object": "text_completion",
            "created": now_ms // 1000,
            "model": request.model,
            "choices": [{"index": 0, "text": content, "finish_reason": "stop", "logprobs": None}],
            "usage": usage_of(request.prompt_tokens, count_tokens(content)),
        }
    )


def _response(request: ChatRequest, content: str, request_id: str, now_ms: int) -> bytes:
    part = {"type": "output_text", "text": content, "annotations": []}
    message = {
        "id": f"msg_{request_id}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    prompt, answer = request.prompt_tokens, count_tokens(content)
    return orjson.dumps(
        {
            "id": f"resp_{request_id}",
            "object": "response",
            "created_at": now_ms // 1000,
            "model": request.model,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "output": [message],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": prompt,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": answer,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": prompt + answer,
            },
        }
    )
