"""Parses the kind of answer that a request asks for from the instructions in its prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import orjson

Message = Mapping[str, Any]

LABELS_LINE = "Answer with exactly one of these labels and nothing else: "
"""The prefix of a line that lists labels, separated by `LABEL_SEPARATOR`."""

LABEL_SEPARATOR = " | "

_INSTRUCTION = "Answer with "
_LABELS = re.compile(
    r"Answer with a JSON array of (?:exactly )?(\d+)(?: to (\d+))? of these labels "
    r"and nothing else: (.*)"
)
_NUMBER = re.compile(
    r"Answer with a (whole )?number(?: of at least (\S+))?(?: (?:of|and) at most (\S+))?"
    r" and nothing else\."
)
_SCHEMA = re.compile(r"Answer with JSON that fits this JSON Schema and nothing else: (\{.*\})")
_ANY_JSON = re.compile(r"Answer with one JSON object or array and nothing else\.")
_PATTERN = re.compile(
    r"Answer with text that as a whole matches this regular expression and nothing else: (.+)"
)

_ANY_OBJECT = MappingProxyType(
    {"properties": {"answer": {"type": "integer", "maximum": 9_999}}, "required": ["answer"]}
)
_CACHED_PROMPTS = 256


@dataclass(frozen=True, slots=True)
class RequestedAnswer:
    """The kind of answer that is asked for.

    Attributes:
        kind: The kind of answer, as in a job file.
        labels: The labels offered, in order.
        least: The smallest number allowed, or the fewest labels.
        most: The largest number allowed, or the most labels.
        whole: Whether a number must be an integer.
        schema: The JSON Schema that JSON must fit.
        pattern: The regular expression that text must match.
    """

    kind: Literal["text", "label", "labels", "number", "json", "regex"] = "text"
    labels: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    whole: bool = False
    schema: Mapping[str, Any] | None = None
    pattern: str = ""

    @property
    def is_json(self) -> bool:
        """Whether the text of the answer is JSON."""
        return self.kind in {"labels", "number", "json"}


_FREE_TEXT = RequestedAnswer()


def requested_answer(messages: Sequence[Message]) -> RequestedAnswer:
    """Returns the kind of answer that the first instruction line of any message asks for."""
    for message in messages:
        for text in texts_of(message):
            if _INSTRUCTION in text and (requested := _read_text(text)):
                return requested
    return _FREE_TEXT


def texts_of(message: Message) -> Sequence[str]:
    """Returns the texts of a message whose content is a string, or a list of typed parts."""
    content = message.get("content")
    if isinstance(content, str):
        return (content,)
    if not isinstance(content, list):
        return ()
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return [text for text in texts if isinstance(text, str)]


@lru_cache(maxsize=_CACHED_PROMPTS)  # the system messages of a job are all the same
def _read_text(text: str) -> RequestedAnswer | None:
    for line in text.split("\n"):
        if line.startswith(LABELS_LINE) and (labels := _split(line.removeprefix(LABELS_LINE))):
            return RequestedAnswer("label", labels)
        if line.startswith(_INSTRUCTION):
            for pattern, read in _READERS.items():
                if match := pattern.fullmatch(line.rstrip("\r")):
                    return read(match)
    return None


def _split(listed: str) -> tuple[str, ...]:
    labels = (label.strip() for label in listed.split(LABEL_SEPARATOR))
    return tuple(label for label in labels if label)


def _labels(match: re.Match[str]) -> RequestedAnswer:
    least, most = int(match[1]), int(match[2] or match[1])
    return RequestedAnswer("labels", _split(match[3]), least=least, most=most)


def _number(match: re.Match[str]) -> RequestedAnswer:
    try:
        least, most = (float(bound) if bound else None for bound in match.group(2, 3))
    except ValueError:
        return _FREE_TEXT
    return RequestedAnswer("number", least=least, most=most, whole=bool(match[1]))


def _json(match: re.Match[str]) -> RequestedAnswer:
    try:
        return RequestedAnswer("json", schema=orjson.loads(match[1]))
    except orjson.JSONDecodeError:
        return _FREE_TEXT


_READERS: Mapping[re.Pattern[str], Callable[[re.Match[str]], RequestedAnswer]] = MappingProxyType(
    {
        _LABELS: _labels,
        _NUMBER: _number,
        _SCHEMA: _json,
        _ANY_JSON: lambda _: RequestedAnswer("json", schema=_ANY_OBJECT),
        _PATTERN: lambda match: RequestedAnswer("regex", pattern=match[1]),
    }
)
