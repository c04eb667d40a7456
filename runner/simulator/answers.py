"""Computes the answers of the simulated models, a pure function of the request's messages.

They do not depend on the model, the account or the time, so that tests can compute what they
expect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from random import Random
from types import MappingProxyType

import orjson

from runner.simulator.answer_text import PROSE, answer_text, dumps
from runner.simulator.packs import faulty_members, items_in, pack_text, pack_value
from runner.simulator.prompt_parser import Message, RequestedAnswer, requested_answer, texts_of

CORRECTION = "That was no valid answer"
"""The prefix of a user message that comments on an invalid answer instead of asking."""

_CHARACTERS_PER_TOKEN = 4  # a rule of thumb for English text
_TOKENS_PER_MESSAGE = 4
_OTHER_DRAWS = 20
_NO_FAULTS: Mapping[str, float] = MappingProxyType({})


def answer(messages: Sequence[Message]) -> str:
    """Returns the right answer, of the kind that the messages ask for.

    It depends only on the questions, so a question repeated with a correction has the same answer.
    The answer to a pack is a JSON object of the answers that its items would have alone.
    """
    return answer_with_faults(messages, _NO_FAULTS, lambda: Random(0))  # noqa: S311 - unused


def answer_with_faults(
    messages: Sequence[Message],
    faults: Mapping[str, float],
    random: Callable[[], Random],
    digest: bytes | None = None,
) -> str:
    """Returns the answer, with faults of the items of a pack.

    Args:
        messages: The request.
        faults: The probability of each fault of an item.
        random: Returns the generator of the draws for the faults.
        digest: The `fingerprint` of the messages, if it is already known.
    """
    requested = requested_answer(messages)
    items = items_in(messages)
    if not items:
        return answer_text(requested, digest or fingerprint(messages))
    draws, members = random(), []
    for number, alone in items.items():
        item_digest = fingerprint(alone)
        right = pack_value(requested, answer_text(requested, item_digest))
        other = _other_value(requested, item_digest, right) if faults else right
        wrong = dumps("" if requested.kind == "text" else PROSE)
        members += faulty_members(number, right, other, wrong, faults, draws)
    return pack_text(members)


def styled(text: str, style: str, requested: RequestedAnswer) -> str:
    """Returns an answer with the text around it that `style` names."""
    if style == "thinking":
        return f"<think>\nThey may want this: {PROSE}\n</think>\n\n{text}"
    if style == "plain" or requested.kind == "text":  # text around a text would be part of it
        return text
    if style == "fenced":
        return f"```json\n{text}\n```" if requested.is_json else f"```\n{text}\n```"
    lead = "I have thought about it."
    is_object = text.startswith(("{", "["))
    return f"{lead}\n\n{text}\n\nIs there more?" if is_object else f"{lead}\n\nAnswer: {text}"


def fingerprint(messages: Sequence[Message]) -> bytes:
    """Returns the SHA-256 of the user's messages without the corrections."""
    questions = [
        _bytes(message.get("content", ""))
        for message in messages
        if message.get("role") == "user" and not _is_correction(message)
    ]
    return hashlib.sha256(b"\0".join(questions)).digest()


def count_tokens(text: str) -> int:
    """Returns the estimated tokens of `text`: a quarter of its characters, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Returns the estimated tokens of `messages`."""
    tokens = len(messages) * _TOKENS_PER_MESSAGE
    for message in messages:
        for text in texts_of(message):
            tokens += -(-len(text) // _CHARACTERS_PER_TOKEN)
    return tokens


def _other_value(requested: RequestedAnswer, digest: bytes, right: str) -> str:
    """Returns a valid but wrong value; the right one if no other is found."""
    for _ in range(_OTHER_DRAWS):
        digest = hashlib.sha256(digest).digest()
        if (other := pack_value(requested, answer_text(requested, digest))) != right:
            return other
    return right


def _is_correction(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, str) and content.startswith(CORRECTION)


def _bytes(content: object) -> bytes:
    if isinstance(content, str):
        return content.encode("utf-8", "surrogatepass")
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
