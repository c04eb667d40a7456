"""Joins a stream of server-sent events, which some servers send unasked, to one chat reply."""

from __future__ import annotations

from typing import Any

from runner.providers.json_body import EventStream, replace_lone_surrogates
from runner.providers.message import read_choice, text_of


def join_chunks(events: EventStream) -> dict[str, Any]:
    """Returns the chat reply that the chunks of a stream add up to."""
    reply: dict[str, Any] = replace_lone_surrogates(_joined(events))
    return reply


def _joined(events: EventStream) -> dict[str, Any]:
    """Returns the reply, perhaps with unpaired surrogates.

    The first chunk with an error is the reply. Otherwise the texts of the chunks are joined; of
    other fields, such as the usage, the last value is taken. A chunk with a whole message replaces
    the texts before it. A truncated stream is an error, because its text may be incomplete.
    """
    whole: dict[str, Any] = {}
    texts: list[str] = []
    reason, has_choice = None, False
    for chunk in events:
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error") or chunk.get("errors"):
            return chunk
        choice = _first(chunk)
        if isinstance(choice, dict):
            has_choice = True
            reason = choice.get("finish_reason") or reason
            if isinstance(choice.get("message"), dict):
                texts = []
            texts.append(_text(choice))
        whole |= {key: value for key, value in chunk.items() if value}
    if not has_choice:
        return {key: value for key, value in whole.items() if key != "choices"}
    if not (reason or events.ended):
        return {"error": {"message": "the reply is a stream that was cut off"}}
    choice = {"finish_reason": reason, "message": {"content": "".join(texts)}}
    return whole | {"choices": [choice]}


def _first(chunk: dict[str, Any]) -> Any:
    """Returns the chunk's part of the first choice, or None; a stream may interleave several."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return None
    return next((each for each in choices if isinstance(each, dict) and not _is_later(each)), None)


def _is_later(choice: dict[str, Any]) -> bool:
    """Whether a choice is not the first, whose index is often left out."""
    index = choice.get("index")
    return isinstance(index, int) and index > 0


def _text(choice: dict[str, Any]) -> str:
    message = choice.get("message", choice.get("delta"))
    if isinstance(message, dict):
        return text_of(message.get("content")) or ""
    return read_choice(choice).content or ""
