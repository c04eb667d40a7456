"""The answers of the simulated models: a pure function of the request's messages.

They do not depend on the model, the account or the time, so that a test computes the answer it
expects.
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
"""Beginning of a user message that is not a question but comments on an invalid answer."""

_CHARACTERS_PER_TOKEN = 4  # a rule of thumb for English text
_TOKENS_PER_MESSAGE = 4
_OTHER_DRAWS = 20
_NO_FAULTS: Mapping[str, float] = MappingProxyType({})


def answer(messages: Sequence[Message]) -> str:
    """Return the right answer, of the kind that the messages ask for.

    Only the questions count: a question repeated with a correction has the same answer. The answer
    to a pack is a JSON object of the answers that its items have alone.
    """
    return answer_with_faults(messages, _NO_FAULTS, lambda: Random(0))  # noqa: S311 - unused


def answer_with_faults(
    messages: Sequence[Message],
    faults: Mapping[str, float],
    random: Callable[[], Random],
    digest: bytes | None = None,
) -> str:
    """Return the answer, with faults of the items of a pack.

    Args:
        messages: The request.
        faults: The probability of each fault of an item.
        random: Makes the generator of their draws.
        digest: The `fingerprint` of the messages, if it is known already.
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
    """Return an answer with the text that some models put around it."""
    if style == "thinking":
        return f"<think>\nThey may want this: {PROSE}\n</think>\n\n{text}"
    if style == "plain" or requested.kind == "text":  # text around text would be part of it
        return text
    if style == "fenced":
        return f"```json\n{text}\n```" if requested.is_json else f"```\n{text}\n```"
    lead = "I have thought about it."
    is_object = text.startswith(("{", "["))
    return f"{lead}\n\n{text}\n\nIs there more?" if is_object else f"{lead}\n\nAnswer: {text}"


def fingerprint(messages: Sequence[Message]) -> bytes:
    """Return the SHA-256 of the user's messages without the corrections."""
    questions = [
        _bytes(message.get("content", ""))
        for message in messages
        if message.get("role") == "user" and not _is_correction(message)
    ]
    return hashlib.sha256(b"\0".join(questions)).digest()


def count_tokens(text: str) -> int:
    """Return a rough number of tokens of `text`: a fourth of its length, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Return a rough number of tokens for which `messages` would be billed."""
    tokens = len(messages) * _TOKENS_PER_MESSAGE
    for message in messages:
        for text in texts_of(message):
            tokens += -(-len(text) // _CHARACTERS_PER_TOKEN)
    return tokens


def _other_value(requested: RequestedAnswer, digest: bytes, right: str) -> str:
    """Return a valid value that is not the right one; the right one if no other is found."""
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
