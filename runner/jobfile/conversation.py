"""Validates the messages in a row that holds a whole conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from runner import exact_json

_ROLES = ("system", "user", "assistant")


def read_conversation(value: Any) -> list[dict[str, Any]]:
    """Returns the messages in a value, which is a list of ``{role, content}`` or its JSON text.

    Raises:
        ValueError: The value is not a conversation; the message is a clause for people.
    """
    items = _parsed(value)
    if not isinstance(items, list) or not items:
        raise ValueError("it is not a list of messages")
    messages = [_message(number, item) for number, item in enumerate(items, 1)]
    if messages[-1]["role"] != "user":
        raise ValueError("its last message is not the user's")
    return messages


def _parsed(value: Any) -> Any:
    """Parses a value that is text: CSV and other text formats can hold a list only as JSON."""
    try:
        return exact_json.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return None


def _message(number: int, item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping) or item.get("role") not in _ROLES:
        raise ValueError(f"message {number} has no role of {', '.join(_ROLES)}")
    content = item.get("content")
    if isinstance(content, str) and content.strip():
        return {"role": item["role"], "content": content}
    if isinstance(content, list) and content and all(map(_is_part, content)):
        return {"role": item["role"], "content": content}
    raise ValueError(f"message {number} has no content")


def _is_part(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("type"), str)
