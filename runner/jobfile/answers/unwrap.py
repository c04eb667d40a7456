"""Removes what models put around a short answer, layer by layer: thinking, markdown, quotes."""

# ruff: noqa: RUF001 - quotes and full stops of many scripts are the point

from __future__ import annotations

import re
from collections.abc import Iterator

# Models mark their drafts in many ways: <think>, [THINK], <seed:think>, <|begin_of_thought|>,
# ◁think▷, <|START_THINKING|>, 【思考】. The brackets need not fit each other.
_BRACKETS_OF_TAG = "<\\[{(【◁＜«", ">\\]})】▷＞»"
_WORD = (
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reasoning_content|reflection|analysis|scratchpad"
    r"|inner_monologue|ant_?thinking|思考|思考过程)"
)
_OPEN, _CLOSE = _BRACKETS_OF_TAG
_OPENERS = frozenset("<[{(【◁＜«")
_REST = rf"(?:\s[^<{_CLOSE}]{{0,60}})?\|?[{_CLOSE}]"  # attributes, and the end of the tag
_BEGINS = (
    rf"[{_OPEN}]\|?\s*(?:seed:|(?:begin|start)(?:[_ ]of)?[_ ])?{_WORD}{_REST}|<unused94>thought\b"
)
_ENDS = (
    rf"[{_OPEN}]\|?\s*(?:/\s*(?:seed:)?|end(?:[_ ]of)?[_ ]){_WORD}{_REST}"
    r"|<unused95>|\.\.\.done thinking\."  # MedGemma; Ollama
)
_OPENING = re.compile(rf"\s*(?:{_BEGINS})", re.IGNORECASE)
_ANY_OPENING = re.compile(_BEGINS, re.IGNORECASE)
_CLOSING = re.compile(_ENDS, re.IGNORECASE)
# A reply in channels: the answer is what follows the mark of the final one.
_CHANNELS = re.compile(r"<\|channel\|?>")
_FINAL = re.compile(
    r"<\|channel\|>\s*final\b[^<]{0,80}<\|message\|>|<channel\|>"  # gpt-oss, Gemma
)
# What stands around an answer after its thinking.
_MARKS_OF_ANSWER = re.compile(r"\A\s*<\|(?:START_RESPONSE|begin_of_solution)\|>")
_MARKS_OF_END = re.compile(r"<\|(?:return|end|im_end|eot_id|END_RESPONSE|end_of_solution)\|>\s*\Z")
_TAGGED = re.compile(
    r"\A\s*<(answer|response|final|output)>(.*)</\1>\s*\Z", re.DOTALL | re.IGNORECASE
)
# A reply with thinking begins with a bracket, or has one of these in it.
_TRACES = ("/", "end_", "END_", "<unused95>", "done thinking")
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
_TAIL = frozenset(".。．۔।॥!！?？؟،؛,，、;；:：…\"'”’»」』】》`*_~")
_HEAD = frozenset("\"'“‘„«「『【《`*_~")


def core_of(text: str) -> str | None:
    """Return the reply without its thinking, stripped; None when the thinking does not end.

    Some servers send only the closing tag, because the opening one is part of the model's prompt.
    """
    if not _may_think(text):
        return text.strip()
    marked = _without_marks(text)
    if marked is None:
        return None
    *_, rest = _CLOSING.split(marked)
    if _OPENING.match(rest):
        return None
    return _without_frame(rest)


def prose_of(text: str) -> str | None:
    """Return a reply in prose without the thinking before it, stripped.

    Prose may mention such tags, so only what the reply begins with is thinking.

    Returns:
        None when the thinking does not end.
    """
    if not _may_think(text):
        return text.strip()
    marked = _without_marks(text)
    if marked is None:
        return None
    text, start = marked, 0
    while True:
        opening, closing = _OPENING.match(text, start), _CLOSING.search(text, start)
        if closing is None:
            if opening:
                return None
            return _without_frame(text[start:]) if start else text.strip()
        if opening is None and (start or _ANY_OPENING.search(text, start, closing.start())):
            return _without_frame(text[start:]) if start else text.strip()
        start = closing.end()


def _may_think(text: str) -> bool:
    """Whether there may be thinking in a reply, or a frame around it; nearly all have none."""
    bare = text.lstrip()
    return bare[:1] in _OPENERS or any(trace in bare for trace in _TRACES)


def _without_marks(text: str) -> str | None:
    """Return what is in the final channel of a reply; None when a reply in channels has none."""
    if not text.lstrip().startswith("<|") or not _CHANNELS.search(text):
        return text
    *_, last = _FINAL.split(text)
    return None if last == text else last


def _without_frame(text: str) -> str:
    """Return the answer without the marks that stand around it, stripped."""
    bare = _MARKS_OF_END.sub("", _MARKS_OF_ANSWER.sub("", text))
    tagged = _TAGGED.match(bare)
    return (tagged[2] if tagged else bare).strip()


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
