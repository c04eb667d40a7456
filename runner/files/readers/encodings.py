"""Detects the encoding of text that is not UTF-8: UTF-16, UTF-32 or GB 18030."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = ("utf-16-le", "utf-16-be")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_KANA = re.compile("[\u3040-\u30ff]")
_HANJA = re.compile("[\u4e00-\u9fff]")
# The byte pairs of GB 2312, to which most Chinese text is limited; Shift JIS and Big 5 use many
# bytes outside of them.
_GB2312 = re.compile(rb"(?:[\xa1-\xf7][\xa1-\xfe])+")
_MOST = 0.9
_FEW = 0.05
# The most frequent Chinese characters, which make up about 40 % of a text.
_FREQUENT = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过"
    "发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本"
    "前开但因只从想实很非常店酒房间服务员早餐价格便宜干净差评位置方便舒适推荐品质量快递买东西喜欢"
)
_FREQUENT_KOREAN = frozenset(
    "이다는에의가을를은하고지도사리기로서아어한있인대자시나것수해그주장보정라부적요었들면과일전제니"
    "만구으성여안우게원동까네음거았좋비말저와너무세소"
)
CHINESE = "gb18030"


def marked(head: bytes) -> str | None:
    """Returns UTF-16 or UTF-32 if the first bytes show it, by a mark or line ends; else None."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2], head[1::2]
    if head and b"\0" not in even and odd.count(b"\0") * 2 > len(odd):
        return "utf-16-le"
    if head and b"\0" not in odd and even.count(b"\0") * 2 > len(even):
        return "utf-16-be"
    return next((name for name in _UNMARKED if _is_text_in(head, name)), None)


def _is_text_in(head: bytes, encoding: str) -> bool:
    """Whether bytes are lines of text in a UTF-16 `encoding`, even with few ASCII characters.

    UTF-8 with stray NUL bytes is refused, because its line feeds have one byte instead of two.
    """
    text = _decoded(head, encoding) if b"\0" in head else None
    if text is None or _CONTROL.search(text):
        return False
    feeds = 1 if _decoded(head, "utf-8") is None else head.count(b"\n")
    return text.count("\n") * 2 > feeds


def _decoded(head: bytes, encoding: str) -> str | None:
    """Returns the text of the first bytes, which may end within a character, or None if invalid."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def begins_with_mark(path: Path) -> bool:
    """Whether a file begins with the byte order mark of UTF-8 or UTF-16."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(3).startswith(
                (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            )
    except (OSError, ValueError):
        return False


def is_chinese(sample: bytes) -> bool:
    """Whether bytes that are not UTF-8 are probably Chinese text in GBK or GB 18030.

    Args:
        sample: Some lines of the text.
    """
    runs = _NOT_ASCII.findall(sample)
    high = b"".join(runs)
    inside = sum(len(pairs) for run in runs for pairs in _GB2312.findall(run))
    try:
        text = high.decode(CHINESE)
    except UnicodeDecodeError:
        return False
    if inside < _MOST * len(high) or len(_KANA.findall(text)) > _FEW * len(text):
        return False
    return sum(map(_FREQUENT.__contains__, text)) >= _frequent_korean(high)


def _frequent_korean(high: bytes) -> int:
    """Returns the number of frequent Korean syllables; 0 if the bytes are not Korean text."""
    try:
        text = high.decode("cp949")
    except UnicodeDecodeError:
        return 0
    if len(_HANJA.findall(text)) > _FEW * len(text):
        return 0
    return sum(map(_FREQUENT_KOREAN.__contains__, text))
