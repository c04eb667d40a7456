"""JSON in the bodies of requests, and of replies, also where a server spells it oddly.

A byte order mark before the JSON is skipped (RFC 8259, 8.1), half a surrogate pair in a string
becomes U+FFFD (an emoji cut in two by a token limit), a number that is none (NaN, Infinity) is
null, and a line end inside a string is one. A stream of server-sent events is the list of its JSON
values.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Sequence
from typing import Any

import orjson

from runner import exact_json

_BLANKS = " \t\r\n\ufeff\0"
_DATA = "data:"
_END = "[DONE]"
_FIELDS = (_DATA, "event:", "id:", "retry:", ":")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# Both names are used for texts that need the characters of the larger set.
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030"}


class EventStream(list[Any]):
    """The JSON values of a stream of server-sent events, in their order.

    Half surrogate pairs in them are left as they are: the other half may be in the next value.

    Attributes:
        ended: Whether the stream says that it is complete, by OpenAI's ``[DONE]``.
    """

    ended = False


def parse_json(body: bytes, content_type: str = "") -> Any:
    """The value that `body` spells; an `EventStream` where it is a stream of events.

    Args:
        body: The text, in UTF-8, UTF-16 or UTF-32, or else in the charset that is named.
        content_type: The value of the header that names the charset.

    Raises:
        ValueError: It spells none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = decoded(body, content_type).strip(_BLANKS)
        if text.startswith(_FIELDS):
            return _events(text)
        return with_whole_characters(_lenient(text))


def decoded(body: bytes, content_type: str = "") -> str:
    """The text of a JSON body.

    Raises:
        ValueError: It is in no encoding that is known; the message says what to do.
    """
    try:
        return body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        pass
    named = _CHARSET.search(content_type)
    if named is None:
        raise ValueError("it is not UTF-8, and its Content-Type names no charset") from None
    name = named[1].lower()
    try:
        return body.decode(codecs.lookup(_LARGER.get(name, name)).name)
    except (LookupError, UnicodeError):
        raise ValueError(f"it is neither UTF-8 nor {name}") from None


def with_whole_characters(value: Any) -> Any:
    """`value` with U+FFFD in the place of each half of a surrogate pair.

    Raises:
        ValueError: It is nested too deeply.
    """
    try:
        spelled = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    # As UTF-16 the halves that belong together meet, and the others are replaced.
    units = spelled.encode("utf-16-le", "surrogatepass")
    return orjson.loads(units.decode("utf-16-le", "replace"))


def _events(text: str) -> EventStream:
    """The values of the events; most providers put one value on each line of data."""
    found = EventStream()
    for event in re.split(r"(?:\r\n|\r|\n){2,}", text):
        lines = [line[len(_DATA) :].strip() for line in event.splitlines() if line[:5] == _DATA]
        data = [line for line in lines if line]
        if _END in data:
            found.ended = True
            data = data[: data.index(_END)]
        found += _values(data)
    if not found and not found.ended:
        raise ValueError("the stream has no event")
    return found


def _values(lines: Sequence[str]) -> list[Any]:
    """The values of one event's lines: each has one, or all together spell one."""
    try:
        return [_lenient(line) for line in lines]
    except ValueError:
        return [_lenient("\n".join(lines))]


def _lenient(text: str) -> Any:
    """As `json` reads it, which unlike orjson takes half a surrogate pair."""
    try:
        return json.loads(text, strict=False, parse_constant=_nothing, parse_float=_finite)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _nothing(_constant: str) -> None:
    """What NaN and the infinities are: they are no JSON."""


def _finite(text: str) -> float | None:
    return found if math.isfinite(found := float(text)) else None


def to_json(value: Any) -> bytes:
    """`value` as JSON.

    Raises:
        ValueError: It has no JSON, such as infinity.
    """
    try:
        return exact_json.dumps(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
