"""Parses replies of OpenAI's Responses API.

Source: https://platform.openai.com/docs/api-reference/responses/object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.core.verdict import Finish, Reply
from runner.providers import openai
from runner.providers.message import read_finish, text_of, to_json_text

_UNFINISHED = ("queued", "in_progress")


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Parses the reply to a call of ``/v1/responses``; never raises."""
    return openai.read_any(status, headers, body, _answer)


def _answer(status: int, headers: Mapping[str, str], data: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = openai.read_usage(data)
    finish, fault = _finish(data)
    content = _content(data.get("output"))
    return Reply(
        status,
        headers,
        message=fault,
        content=content,
        finish=finish,
        lacks="" if content is not None else _lacks(data),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def _finish(data: dict[str, Any]) -> tuple[Finish, str]:
    """Returns how the answer ended, and the provider's fault; empty if there was none."""
    state, details = data.get("status"), data.get("incomplete_details")
    if state == "incomplete":
        return read_finish(details.get("reason") if isinstance(details, dict) else None)
    if state in ("failed", "cancelled"):
        return Finish.WHOLE, f"the provider failed to finish the response ({state})"
    return Finish.WHOLE, ""


def _content(output: Any) -> str | None:
    """Returns the text of the messages in `output`, else its JSON text; None if it is empty."""
    if not isinstance(output, list) or not output:
        return None
    texts = [
        text_of(item.get("content"))
        for item in output
        if isinstance(item, dict) and item.get("type") == "message"
    ]
    return "".join(text for text in texts if text) if texts else to_json_text(output)


def _lacks(data: dict[str, Any]) -> str:
    if (state := data.get("status")) in _UNFINISHED:
        return f"the response is {state}"
    return "the reply holds no output"
