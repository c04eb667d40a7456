"""What models put around a short answer, and how to take it off layer by layer.

It knows no labels: it yields every reading from the outermost to the barest, and others choose.
"""

# ruff: noqa: RUF001 - quotes and full stops of many scripts are the point

from __future__ import annotations

import re
from collections.abc import Iterator

_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_FENCE = re.compile(r"^(?:```|~~~)[\w+#-]*[ \t]*\n(.*?)\n?[ \t]*(?:```|~~~)$", re.DOTALL)
_LEAD = re.compile(
    r"^[\s*_`#>\"'-]*(?:(?:the|my|final|correct)\s+)*(?:label|answer|标签|答案)"
    r"[\s*_`\"']*(?:is\b\s*:?|[:\uff1a=])[\s*_`]*",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^(?:[-*+\u2022>]|#{1,6})\s+")

_MARKS = ("**", "__", "~~", "``", '""', "''", "||", "$$")
_QUOTES = ("“”", "‘’", "„“", "«»", "「」", "『』", "【】", "《》")
_BRACKETS = ("()", "[]", "{}", "<>", "（）")
_PAIRS = frozenset((*_MARKS, *_QUOTES, *_BRACKETS))
_TAIL = frozenset(".。．!！?？,，、;；:：…\"'”’»」』】》`*_~")
_HEAD = frozenset("\"'“‘„«「『【《`*_~")


def core_of(text: str) -> str | None:
    """Return the reply without its thinking, stripped; None when the thinking never ended.

    Some servers send the closing tag alone, because the opening one is in the model's own prompt.
    """
    parts = re.split(_THINK_CLOSE, text, flags=re.IGNORECASE)
    if len(parts) == 1 and text.lstrip().casefold().startswith(_THINK_OPEN):
        return None
    return parts[-1].strip()


def unwrap(text: str) -> Iterator[str]:
    """Yield `text`, then what is left after each layer of wrapping is taken off."""
    reading = text.strip()
    yield reading
    while reading and (inner := _inner(reading)) and inner != reading:
        reading = inner
        yield reading


def _inner(reading: str) -> str:
    """Return `reading` without its outermost layer, or as it is when there is none."""
    if fenced := _FENCE.match(reading):
        return fenced[1].strip()
    for pattern in (_LEAD, _BULLET):
        if lead := pattern.match(reading):
            return reading[lead.end() :].strip()
    if reading[0] + reading[-1] in _PAIRS and len(reading) > 1:
        return reading[1:-1].strip()
    if reading[-1] in _TAIL:
        return reading[:-1].strip()
    return reading[1:].strip() if reading[0] in _HEAD else reading
