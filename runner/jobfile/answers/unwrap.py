"""Removes the wrapping of a short answer, layer by layer: thinking, markdown, quotes."""

# ruff: noqa: RUF001 - quotes and full stops of many scripts are the point

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.jobfile.answers.lenient_json import NOTHING, parse_strict

# Models mark their thinking in many ways: <think>, [THINK], <seed:think>, <longcat_think>,
# <|begin_of_thought|>, ◁think▷, <|START_THINKING|>, 【思考】, <think> escaped for a web page, or
# with the full-width bars of DeepSeek's marks. Opening and closing brackets need not match.
_CLOSERS = ">\\]})】▷＞»"
_OPEN, _CLOSE = r"(?:[<\[{(【◁＜«]|&lt;)", f"(?:[{_CLOSERS}]|&gt;)"
_OPENERS = frozenset("<[{(【◁＜«&")
_WORD = (
    r"(?:(?:[a-z]{2,12}[:_]|ant|deep|long)?(?:think(?:ing)?|thoughts?)|reason(?:ing)?|reflection"
    r"|analysis|scratchpad|inner_monologue|思考|思考过程)(?:[ _▁]?(?:process|content|block))?"
)
_REST = rf"(?:\s[^<&{_CLOSERS}]{{0,60}})?[|｜]?{_CLOSE}"  # attributes, and the end of the tag
_BEGINS = (
    rf"{_OPEN}[|｜]?\s*(?:(?:begin|start)(?:[_ ▁]of)?[_ ▁])?{_WORD}{_REST}|<unused94>thought\b"
)
_ENDS = (
    rf"{_OPEN}[|｜]?\s*(?:/\s*|end(?:[_ ▁]of)?[_ ▁]){_WORD}{_REST}|{_OPEN}{_WORD}\s?/{_CLOSE}"
    r"|<unused95>|\.\.\.done thinking\."  # MedGemma; Ollama
)
_OPENING = re.compile(rf"\s*(?:{_BEGINS})", re.IGNORECASE)
_ANY_OPENING = re.compile(_BEGINS, re.IGNORECASE)
_CLOSING = re.compile(_ENDS, re.IGNORECASE)
_ANY_TAG = re.compile(rf"(?P<end>{_ENDS})|{_BEGINS}", re.IGNORECASE)
_FENCED_THINKING = re.compile(
    r"\s*(```|~~~)(?:think(?:ing)?|thoughts?|reasoning)[ \t]*\n", re.IGNORECASE
)
# Some models divide a reply into channels; the answer follows the mark of the final channel.
_CHANNELS = re.compile(r"<\|channel\|?>")
_FINAL = re.compile(
    r"<\|channel\|>\s*final\b[^<]{0,80}<\|message\|>|<channel\|>"  # gpt-oss, Gemma
)
# The same when a server removes the marks but not the names of the channels.
_BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z\"“]|[^\x00-\x7f])")
_BARE_FINAL = "assistantfinal"
# Marks before and after the answer that follows the thinking.
_MARKS_OF_ANSWER = re.compile(r"\A\s*<\|(?:START_RESPONSE|begin_of_solution)\|>")
_MARKS_OF_END = re.compile(r"<\|(?:return|end|im_end|eot_id|END_RESPONSE|end_of_solution)\|>\s*\Z")
_TAGGED = re.compile(
    r"\A\s*<(answer|response|final|output)>(.*)</\1>\s*\Z", re.DOTALL | re.IGNORECASE
)
# A reply with thinking begins with a bracket, or contains one of these.
_TRACES = ("/", "end_", "END_", "｜end", "<unused95>", "done thinking")
_BARE_STARTS = ("analysis", "```", "~~~")
_FENCE = re.compile(r"(```|~~~)[\w+#-]*[ \t]*\n")
_NOUNS = (
    "label|labels|answer|answers|category|class|classification|sentiment|result|output|rating|"
    "score|number|value|标签|答案|类别|分类|结果|情感|评分|分数|得分|回答"
)
# Two patterns that are matched one after the other: combined, the first part would backtrack, and
# a long text would take quadratic time.
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
    """Returns the reply without its thinking, stripped; None when the thinking does not end.

    Some servers send only the closing tag, because the chat template contains the opening one. The
    last closing tag counts, except that tags within JSON are content.
    """
    prose = prose_of(text)
    if prose is None or not _may_think(text) or _is_json(prose):
        return prose
    marked = _without_marks(text)
    if marked is None:
        return None
    *_, rest = _CLOSING.split(marked)
    if _OPENING.match(rest):
        return None
    return _without_frame(rest)


def prose_of(text: str) -> str | None:
    """Returns a reply in prose without the thinking before it, stripped.

    Prose may mention the tags, so only thinking at the start of the reply is removed; and none of
    a reply that is JSON as a whole.

    Returns:
        None when the thinking does not end.
    """
    if not _may_think(text) or _is_json(text.strip()):
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
        start = _end_of_thinking(text, start if opening is None else opening.end(), closing.end())


def _end_of_thinking(text: str, start: int, end: int) -> int:
    """Returns the end of the thinking that begins before `start`, and may contain other thinking.

    Its first closing tag ends at `end`.
    """
    depth = 1
    for tag in _ANY_TAG.finditer(text, start):
        depth += -1 if tag["end"] else 1
        if tag["end"]:
            end = tag.end()
        if depth == 0:
            break
    return end


def _may_think(text: str) -> bool:
    """Whether a reply may contain thinking or frame marks; this shortcut spares most the search."""
    bare = text.lstrip()
    return (
        bare[:1] in _OPENERS
        or bare.startswith(_BARE_STARTS)
        or any(trace in bare for trace in _TRACES)
    )


def _without_marks(text: str) -> str | None:
    """Returns the final channel of a reply, or what follows a code block of thinking.

    It is None when a reply in channels lacks a final one, or when the block does not end.
    """
    if _BARE_ANALYSIS.match(text):
        _, mark, last = text.rpartition(_BARE_FINAL)
        return last if mark else None
    if fence := _FENCED_THINKING.match(text):
        _, mark, rest = text[fence.end() - 1 :].partition(f"\n{fence[1]}")
        return rest if mark else None
    if not text.lstrip().startswith("<|") or not _CHANNELS.search(text):
        return text
    *_, last = _FINAL.split(text)
    return None if last == text else last


def _without_frame(text: str) -> str:
    """Returns the answer without the marks or tags around it, stripped."""
    bare = _MARKS_OF_END.sub("", _MARKS_OF_ANSWER.sub("", text))
    tagged = _TAGGED.match(bare)
    return (tagged[2] if tagged else bare).strip()


def _is_json(text: str) -> bool:
    """Whether a stripped text, or the code block that it is, is one strict object or array."""
    inner = unfence(text)
    return inner[:1] in ("{", "[") and parse_strict(inner) is not NOTHING


def follows_lead(line: str) -> str | None:
    """Returns the text after ``Answer:`` or a similar start of `line`; None without one."""
    before = _BEFORE_LEAD.match(line)
    lead = _LEAD.match(line, before.end()) if before else None
    return line[lead.end() :].strip() if lead else None


def unwrap(text: str) -> Iterator[str]:
    """Yields `text`, and then the text that remains after each layer of wrapping is removed."""
    current = text.strip()
    yield current
    while current and (inner := _inner(current)) and inner != current:
        current = inner
        yield current


def unfence(text: str) -> str:
    """Returns the contents of a code block when the whole text is one, else the text itself."""
    opened = _FENCE.match(text)
    if opened is None or not text.endswith(opened[1], opened.end()):
        return text
    return text[opened.end() : -len(opened[1])].strip()


def _inner(text: str) -> str:
    """Returns the text without its outermost layer, or unchanged when there is none."""
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
