"""Removes what models put around a short answer, layer by layer: thinking, markdown, quotes."""

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
# Matched one after the other: the first, which always succeeds, must never be shortened to try
# the second again, or a long text takes quadratic time.
_BEFORE_LEAD = re.compile(r"[\s*_`#>\"'-]*(?:(?:the|my|final|correct|最终)\s*)*", re.IGNORECASE)
_LEAD = re.compile(
    r"(?:" + _NOUNS + r")[\s*_`\"']*(?:is\b\s*:?|是\s*:?|为\s*:?|[:\uff1a=])[\s*_`]*",
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
    """Return the reply without its thinking, stripped; None when the thinking does not end.

    Some servers send only the closing tag, because the opening one is part of the model's prompt.
    """
    if "<" not in text and "◁" not in text:
        return text.strip()
    *_, rest = _CLOSING.split(text)
    return None if _OPENING.match(rest) else rest.strip()


def prose_of(text: str) -> str | None:
    """Return a reply in prose without the thinking before it, stripped.

    Prose may mention such tags, so only what the reply begins with is thinking.

    Returns:
        None when the thinking does not end.
    """
    if "<" not in text and "◁" not in text:
        return text.strip()
    start = 0
    while True:
        opening, closing = _OPENING.match(text, start), _CLOSING.search(text, start)
        if closing is None:
            return None if opening else text[start:].strip()
        if opening is None and (start or _ANY_OPENING.search(text, start, closing.start())):
            return text[start:].strip()
        start = closing.end()


def follows_lead(line: str) -> str | None:
    """Return what follows ``Answer:`` or the like at the start of `line`, or None."""
    before = _BEFORE_LEAD.match(line)
    lead = _LEAD.match(line, before.end()) if before else None
    return line[lead.end() :].strip() if lead else None


def unwrap(text: str) -> Iterator[str]:
    """Yield `text`, and then what is left after each layer of wrapping is removed."""
    current = text.strip()
    yield current
    while current and (inner := _inner(current)) and inner != current:
        current = inner
        yield current


def unfence(text: str) -> str:
    """Return the contents of a code block when the whole text is one, or else the text."""
    opened = _FENCE.match(text)
    if opened is None or not text.endswith(opened[1], opened.end()):
        return text
    return text[opened.end() : -len(opened[1])].strip()


def _inner(text: str) -> str:
    """Return the text without its outermost layer, or unchanged when there is none."""
    if (fenced := unfence(text)) != text:
        return fenced
    if (rest := follows_lead(text)) is not None:
        return rest
    if bullet := _BULLET.match(text):
        return text[bullet.end() :].strip()
    if text[0] + text[-1] in _PAIRS and len(text) > 1:
        return text[1:-1].strip()
    if text[-1] in _TAIL:
        return text[:-1].strip()
    return text[1:].strip() if text[0] in _HEAD else text
