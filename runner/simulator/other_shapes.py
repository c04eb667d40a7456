"""The endpoints ``/v1/completions`` and ``/v1/responses`` of OpenAI's API.

Their calls are converted to chat calls, whose user message is the prompt or input.
"""

from __future__ import annotations

from typing import Any

import orjson

from runner.simulator import errors
from runner.simulator.answers import count_tokens
from runner.simulator.chat import ChatRequest, read_chat, usage_of
from runner.simulator.errors import ErrorReply


def read_completion(account: str, model: str, fields: dict[str, Any]) -> ChatRequest | ErrorReply:
    """Reads a call of ``/v1/completions``; returns the error if it is invalid."""
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        message = "Missing or invalid required parameter: 'prompt'."
        return errors.invalid_request(message, model)
    chat_fields = {**fields, "messages": [{"role": "user", "content": prompt}]}
    request = read_chat(account, model, chat_fields)
    return request._replace(write=_completion) if isinstance(request, ChatRequest) else request


def read_response(account: str, model: str, fields: dict[str, Any]) -> ChatRequest | ErrorReply:
    """Reads a call of ``/v1/responses``; returns the error if it is invalid."""
    value = fields.get("input")
    messages = [{"role": "user", "content": value}] if isinstance(value, str) and value else value
    if not isinstance(messages, list) or not messages:
        message = "Missing or invalid required parameter: 'input'."
        return errors.invalid_request(message, model)
    request = read_chat(account, model, {**fields, "messages": messages})
    return request._replace(write=_response) if isinstance(request, ChatRequest) else request


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
