"""What kind of answer a request asks for, as the prompt words it.

It knows the lines by which labels, numbers, JSON and patterns are asked for; it answers nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import orjson

Message = Mapping[str, Any]

LABELS_LINE = "Answer with exactly one of these labels and nothing else: "
"""A line that begins so offers the labels that follow it, set apart by `LABEL_SEPARATOR`."""

LABEL_SEPARATOR = " | "

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer of some kind.

    Attributes:
        kind: Its kind, as a job file calls it.
        labels: Those that are offered, in order.
        least: The least number, or the fewest labels.
        most: The greatest number, or the most labels.
        whole: Whether a number must be whole.
        schema: What JSON must fit.
        pattern: What text must match.
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
        """Whether its text is JSON."""
        return self.kind in {"labels", "number", "json"}


def wanted_in(messages: Sequence[Message]) -> Wanted:
    """Return what the first line asks for that asks for any kind of answer."""
    for line in _lines(messages):
        if line.startswith(LABELS_LINE) and (labels := _split(line.removeprefix(LABELS_LINE))):
            return Wanted("label", labels)
        if line.startswith("Answer with "):
            for pattern, read in _READERS.items():
                if found := pattern.fullmatch(line.rstrip("\r")):
                    return read(found)
    return Wanted()


def texts_of(message: Message) -> Iterator[str]:
    """Yield the text of a message whose content is a string, or a list of typed parts."""
    content = message.get("content")
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str):
                yield text


def _lines(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        for text in texts_of(message):
            yield from text.split("\n")


def _split(listed: str) -> tuple[str, ...]:
    labels = (label.strip() for label in listed.split(LABEL_SEPARATOR))
    return tuple(label for label in labels if label)


def _labels(found: re.Match[str]) -> Wanted:
    least, most = int(found[1]), int(found[2] or found[1])
    return Wanted("labels", _split(found[3]), least=least, most=most)


def _number(found: re.Match[str]) -> Wanted:
    try:
        least, most = (float(bound) if bound else None for bound in found.group(2, 3))
    except ValueError:
        return Wanted()
    return Wanted("number", least=least, most=most, whole=bool(found[1]))


def _json(found: re.Match[str]) -> Wanted:
    try:
        return Wanted("json", schema=orjson.loads(found[1]))
    except orjson.JSONDecodeError:
        return Wanted()


_READERS: Mapping[re.Pattern[str], Callable[[re.Match[str]], Wanted]] = MappingProxyType(
    {
        _LABELS: _labels,
        _NUMBER: _number,
        _SCHEMA: _json,
        _ANY_JSON: lambda _: Wanted("json", schema=_ANY_OBJECT),
        _PATTERN: lambda found: Wanted("regex", pattern=found[1]),
    }
)
