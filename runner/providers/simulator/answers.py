"""What the simulated models say: a pure function of what they are asked.

It knows questions, packs and habits; it does not know the model, the account or the time, so a
test computes the answer it expects instead of recording it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType

import orjson

from runner.providers.simulator.packs import befallen, items_in, pack_text, pack_value
from runner.providers.simulator.saying import PROSE, dumps, say
from runner.providers.simulator.wanted import Message, Wanted, texts_of, wanted_in

CORRECTION = "That was no valid answer"
"""A user message that begins so is no question, but follows one that was answered badly."""

_CHARACTERS_PER_TOKEN = 4  # a rule of thumb for English; usage is rough on purpose
_TOKENS_PER_MESSAGE = 4
_OTHER_DRAWS = 20
_NO_FAULTS: Mapping[str, float] = MappingProxyType({})


def answer(messages: Sequence[Message]) -> str:
    """Return the right answer, of the kind that the messages ask for; else ``Simulated answer``.

    Only the questions count: one repeated with a reminder after it gets the answer it got before.
    The answer to a pack is a JSON object, with the very answers that its items get alone.
    """
    return speak(messages, _NO_FAULTS, Random(0))  # noqa: S311 - without faults, nothing is drawn


def speak(messages: Sequence[Message], faults: Mapping[str, float], dice: Random) -> str:
    """Return the answer, with what befalls the items of a pack; `dice` decide for each."""
    wanted = wanted_in(messages)
    items = items_in(messages)
    if not items:
        return say(wanted, fingerprint(messages))
    members = []
    for number, alone in items.items():
        digest = fingerprint(alone)
        right = pack_value(wanted, say(wanted, digest))
        other = _other(wanted, digest, right) if faults else right
        wrong = dumps("" if wanted.kind == "text" else PROSE)
        members += befallen(number, right, other, wrong, faults, dice)
    return pack_text(members)


def styled(said: str, style: str, wanted: Wanted) -> str:
    """Return what is said with what some models put around it: a habit, not a fault."""
    thought = f"<think>\nThey may want this: {PROSE}\n</think>\n\n{said}"
    if style == "thinking":
        return thought
    if style == "plain" or wanted.kind == "text":  # around text, anything would be part of it
        return said
    if style == "fenced":
        return f"```json\n{said}\n```" if wanted.is_json else f"```\n{said}\n```"
    lead = "I have thought about it."
    is_object = said.startswith(("{", "["))
    return f"{lead}\n\n{said}\n\nIs there more?" if is_object else f"{lead}\n\nAnswer: {said}"


def fingerprint(messages: Sequence[Message]) -> bytes:
    """Return the SHA-256 of what the user says, corrections left out."""
    questions = [
        _bytes(message.get("content", ""))
        for message in messages
        if message.get("role") == "user" and not _is_correction(message)
    ]
    return hashlib.sha256(b"\0".join(questions)).digest()


def count_tokens(text: str) -> int:
    """Return about as many tokens as a model would make of `text`: a fourth of its length."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Return about as many tokens as `messages` would be billed for."""
    texts = (text for message in messages for text in texts_of(message))
    return len(messages) * _TOKENS_PER_MESSAGE + sum(count_tokens(text) for text in texts)


def _other(wanted: Wanted, digest: bytes, right: str) -> str:
    """Return an answer of the kind that is another one, if there is one."""
    for _ in range(_OTHER_DRAWS):
        digest = hashlib.sha256(digest).digest()
        if (other := pack_value(wanted, say(wanted, digest))) != right:
            return other
    return right


def _is_correction(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, str) and content.startswith(CORRECTION)


def _bytes(content: object) -> bytes:
    if isinstance(content, str):
        return content.encode("utf-8", "surrogatepass")
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
