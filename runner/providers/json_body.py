"""Encodes the JSON bodies of requests, and parses those of replies leniently.

A byte order mark before the JSON is skipped (RFC 8259, 8.1), an unpaired surrogate in a string
becomes U+FFFD (an emoji cut in two by a token limit), NaN and infinities become null, and raw line
ends in strings are accepted. A stream of server-sent events becomes the list of its JSON values. A
whole chat reply is found within other text, such as a warning of PHP or a comment of a proxy.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from runner import exact_json

_BLANKS = " \t\r\n\ufeff\0"
_DATA = "data:"
_END = "[DONE]"
_FIELDS = (_DATA, "event:", "id:", "retry:", ":")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# Servers use both names for texts in their superset.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030"}


class EventStream(list[Any]):
    """The JSON values of a stream of server-sent events, in order.

    Unpaired surrogates in them are kept, because the other half may be in the next value.

    Attributes:
        ended: Whether the stream ends with OpenAI's ``[DONE]``.
    """

    ended = False


def parse_json(body: bytes, content_type: str = "") -> Any:
    """Parses the JSON value in `body`; a stream of events becomes an `EventStream`.

    Args:
        body: The text, in UTF-8, UTF-16 or UTF-32, or in the charset that `content_type` names.
        content_type: The value of the ``Content-Type`` header.

    Raises:
        ValueError: The body is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = decode_body(body, content_type).strip(_BLANKS)
        if text.startswith(_FIELDS):
            return _events(text)
        return replace_lone_surrogates(_whole(text))


def decode_body(body: bytes, content_type: str = "") -> str:
    """Decodes the text of a JSON body; the arguments are those of `parse_json`.

    Raises:
        ValueError: The encoding is unknown; the message is a clause that begins with "it is".
    """
    try:
        return body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        pass
    charset = _CHARSET.search(content_type)
    if charset is None:
        raise ValueError("it is not UTF-8, and its Content-Type names no charset") from None
    name = charset[1].lower()
    try:
        return body.decode(codecs.lookup(_SUPERSETS.get(name, name)).name)
    except (LookupError, UnicodeError):
        raise ValueError(f"it is neither UTF-8 nor {name}") from None


def replace_lone_surrogates(value: Any) -> Any:
    """Returns `value` with surrogate pairs joined, and unpaired surrogates replaced by U+FFFD.

    Raises:
        ValueError: The value is nested too deeply.
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    # In UTF-16 adjacent surrogates form a pair, and decoding replaces the unpaired ones.
    units = text.encode("utf-16-le", "surrogatepass")
    return orjson.loads(units.decode("utf-16-le", "replace"))


def _events(text: str) -> EventStream:
    """Parses the values of the events; most providers put one value on each line of data."""
    values = EventStream()
    for event in re.split(r"(?:\r\n|\r|\n){2,}", text):
        lines = [line[len(_DATA) :].strip() for line in event.splitlines() if line[:5] == _DATA]
        data = [line for line in lines if line]
        if _END in data:
            values.ended = True
            data = data[: data.index(_END)]
        values += _values(data)
    if not values and not values.ended:
        raise ValueError("the stream has no event")
    return values


def _values(lines: Sequence[str]) -> list[Any]:
    """Parses the lines of one event: a value on each line, or one value on all of them."""
    try:
        return [_lenient(line) for line in lines]
    except ValueError:
        return [_lenient("\n".join(lines))]


def _lenient(text: str) -> Any:
    """Parses JSON with `json`, which unlike orjson accepts unpaired surrogates."""
    try:
        return json.loads(text, strict=False, parse_constant=_null, parse_float=_finite)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _whole(text: str) -> Any:
    """Parses a JSON text, or the only chat reply within other text."""
    try:
        return _lenient(text)
    except ValueError:
        if (start := _OBJECT.search(text)) is None or text.count(_CHOICES) != 1:
            raise
        with suppress(ValueError, RecursionError):
            value, _end = _DECODER.raw_decode(text, start.start())
            if isinstance(value.get("choices"), list):
                return value
        raise


def _null(_constant: str) -> None:
    """Returns None for NaN and the infinities, which are not JSON."""


def _finite(text: str) -> float | None:
    return number if math.isfinite(number := float(text)) else None


_OBJECT = re.compile(r'\{\s*"')
_CHOICES = '"choices"'
_DECODER = json.JSONDecoder(strict=False, parse_constant=_null, parse_float=_finite)


def to_json(value: Any) -> bytes:
    """Returns the JSON text of `value`.

    Raises:
        ValueError: The value cannot be written as JSON, such as infinity.
    """
    try:
        return exact_json.dumps(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
