"""What the simulated models say: a pure function of what they are asked.

It knows how a prompt names its labels; it does not know the model, the account or the time, so a
test computes the answer it expects instead of recording it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

LABELS_LINE = "Answer with exactly one of these labels and nothing else: "
"""A line that begins so offers the labels that follow it, set apart by `LABEL_SEPARATOR`."""

LABEL_SEPARATOR = " | "
PROSE = "That depends on how one looks at it; there is something to be said on either side."
"""The answer of a model that ignored the labels it was offered."""

Message = Mapping[str, Any]

_CHARACTERS_PER_TOKEN = 4  # a rule of thumb for English; usage is rough on purpose
_TOKENS_PER_MESSAGE = 4


def answer(messages: Sequence[Message]) -> str:
    """Return one of the labels the messages offer, or else ``Simulated answer <hash>``.

    Only the first user message is hashed: a question repeated with a reminder after it gets the
    answer it got before.
    """
    digest = fingerprint(messages)
    labels = offered_labels(messages)
    if not labels:
        return f"Simulated answer {digest.hex()[:12]}"
    return labels[int.from_bytes(digest[:8]) % len(labels)]


def fingerprint(messages: Sequence[Message]) -> bytes:
    """Return the SHA-256 of the first user message's content; of nothing where there is none."""
    first = next((message for message in messages if message.get("role") == "user"), {})
    content = first.get("content", "")
    if not isinstance(content, str):
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()


def offered_labels(messages: Sequence[Message]) -> list[str]:
    """Return the labels on the first line that offers any, in order; empty where none does."""
    for message in messages:
        for text in _texts(message):
            for line in text.split("\n"):
                if line.startswith(LABELS_LINE):
                    return _labels(line.removeprefix(LABELS_LINE))
    return []


def count_tokens(text: str) -> int:
    """Return about as many tokens as a model would make of `text`: a fourth of its length."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Return about as many tokens as `messages` would be billed for."""
    texts = (text for message in messages for text in _texts(message))
    return len(messages) * _TOKENS_PER_MESSAGE + sum(count_tokens(text) for text in texts)


def _labels(listed: str) -> list[str]:
    labels = (label.strip() for label in listed.split(LABEL_SEPARATOR))
    return [label for label in labels if label]


def _texts(message: Message) -> Iterator[str]:
    """Yield the text of a message whose content is a string, or a list of typed parts."""
    content = message.get("content")
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str):
                yield text
