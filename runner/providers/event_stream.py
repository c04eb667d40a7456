"""Streams of server-sent events, which some servers send unasked, joined to one reply."""

from __future__ import annotations

from typing import Any

from runner.providers.json_body import EventStream, with_whole_characters
from runner.providers.message import read_choice, text_of


def joined(events: EventStream) -> dict[str, Any]:
    """A chat reply out of the chunks of a stream, as if it had been sent at once."""
    reply: dict[str, Any] = with_whole_characters(_joined(events))
    return reply


def _joined(events: EventStream) -> dict[str, Any]:
    """The reply, perhaps with halves of characters.

    The first chunk with an error is the reply. Otherwise the texts of the chunks are joined, and
    whatever else the last chunk that has it says, such as the usage, holds for all. A chunk with a
    message has the whole answer. A stream that was cut off is an error: its text may be half of
    the answer.
    """
    whole: dict[str, Any] = {}
    texts: list[str] = []
    reason, said = None, False
    for chunk in events:
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error") or chunk.get("errors"):
            return chunk
        choice = _first(chunk)
        if isinstance(choice, dict):
            said = True
            reason = choice.get("finish_reason") or reason
            if isinstance(choice.get("message"), dict):
                texts = []
            texts.append(_text(choice))
        whole |= {key: value for key, value in chunk.items() if value}
    if not said:
        return {key: value for key, value in whole.items() if key != "choices"}
    if not (reason or events.ended):
        return {"error": {"message": "the reply is a stream that was cut off"}}
    choice = {"finish_reason": reason, "message": {"content": "".join(texts)}}
    return whole | {"choices": [choice]}


def _first(chunk: dict[str, Any]) -> Any:
    """The chunk's part of the first choice; a stream may take turns between several."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return None
    return next((one for one in choices if isinstance(one, dict) and not _is_later(one)), None)


def _is_later(choice: dict[str, Any]) -> bool:
    """Whether a choice is not the first; the index of the first is often left out."""
    index = choice.get("index")
    return isinstance(index, int) and index > 0


def _text(choice: dict[str, Any]) -> str:
    message = choice.get("message", choice.get("delta"))
    if isinstance(message, dict):
        return text_of(message.get("content")) or ""
    return read_choice(choice).content or ""
