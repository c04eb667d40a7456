"""What models put around a short answer, and how to take it off layer by layer.

It knows no labels: it yields every reading from the outermost to the barest, and others choose.
"""

# ruff: noqa: RUF001 - quotes and full stops of many scripts are the point

from __future__ import annotations

import re
from collections.abc import Iterator

_TAG = r"(?:think|thinking|thought|reasoning)[>▷]"
_OPENING = re.compile(rf"\s*[<◁]{_TAG}", re.IGNORECASE)
_ANY_OPENING = re.compile(rf"[<◁]{_TAG}", re.IGNORECASE)
_CLOSING = re.compile(rf"[<◁]/{_TAG}", re.IGNORECASE)
_FENCE = re.compile(r"(```|~~~)[\w+#-]*[ \t]*\n")
_NOUNS = (
    "label|labels|answer|answers|category|class|classification|sentiment|result|output|rating|"
    "score|number|value|标签|答案|类别|分类|结果|情感|评分|分数|得分|回答"
)
_LEAD = re.compile(
    r"^[\s*_`#>\"'-]*+(?:(?:the|my|final|correct|最终)\s*+)*+(?:" + _NOUNS + r")"
    r"[\s*_`\"']*(?:is\b\s*:?|是\s*:?|为\s*:?|[:\uff1a=])[\s*_`]*",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^(?:[-*+\u2022>]|#{1,6}|\d{1,2}[.)])\s+")

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
    *_, rest = _CLOSING.split(text)
    return None if _OPENING.match(rest) else rest.strip()


def prose_of(text: str) -> str | None:
    """Return a reply in prose without the thinking before it, stripped; None when it never ended.

    Prose may speak of such tags: only what the reply begins with is thinking.
    """
    start = 0
    while True:
        opening, closing = _OPENING.match(text, start), _CLOSING.search(text, start)
        if closing is None:
            return None if opening else text[start:].strip()
        if opening is None and (start or _ANY_OPENING.search(text, start, closing.start())):
            return text[start:].strip()
        start = closing.end()


def follows_lead(line: str) -> str | None:
    """Return what follows ``Answer:`` or the like at the start of `line`; None without it."""
    lead = _LEAD.match(line)
    return line[lead.end() :].strip() if lead else None


def unwrap(text: str) -> Iterator[str]:
    """Yield `text`, then what is left after each layer of wrapping is taken off."""
    reading = text.strip()
    yield reading
    while reading and (inner := _inner(reading)) and inner != reading:
        reading = inner
        yield reading


def unfence(reading: str) -> str:
    """Return what the code block holds that `reading` consists of, or else `reading`."""
    opened = _FENCE.match(reading)
    if opened is None or not reading.endswith(opened[1], opened.end()):
        return reading
    return reading[opened.end() : -len(opened[1])].strip()


def _inner(reading: str) -> str:
    """Return `reading` without its outermost layer, or as it is when there is none."""
    if (fenced := unfence(reading)) != reading:
        return fenced
    for pattern in (_LEAD, _BULLET):
        if lead := pattern.match(reading):
            return reading[lead.end() :].strip()
    if reading[0] + reading[-1] in _PAIRS and len(reading) > 1:
        return reading[1:-1].strip()
    if reading[-1] in _TAIL:
        return reading[:-1].strip()
    return reading[1:].strip() if reading[0] in _HEAD else reading
